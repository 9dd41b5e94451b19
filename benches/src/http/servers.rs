use std::{convert::Infallible, sync::mpsc::Sender};

use anyhow::{Context, Result, bail, ensure};
use axum::{Router, routing::get};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming, header, server::conn::http1, service::service_fn};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::net::{TcpListener, TcpStream};
use upbeat::Conductor;
use upbeat_http::HttpServer;

pub(super) const GREETING: &str = "Hello, world!";
const ANY_PORT: &str = "127.0.0.1:0";

/// Serves until `end`, and sends its port once it listens.
pub(super) async fn run(name: String, port: Sender<u16>, end: impl Future<Output = ()> + Send + 'static) -> Result<()> {
    if name == "upbeat" {
        return upbeat(port, end).await;
    }
    let listener = TcpListener::bind(ANY_PORT).await?;
    port.send(listener.local_addr()?.port())?;
    let serving = async {
        match name.as_str() {
            "axum::serve" => Ok(axum::serve(listener, router()).await?),
            "hyper, service_fn" => accept(listener, plain).await,
            "hyper, axum router" => {
                let router = TowerToHyperService::new(router());
                accept(listener, move |stream| routed(stream, router.clone())).await
            }
            _ => bail!("there is no contender {name}"),
        }
    };
    tokio::select! {
        served = serving => served,
        () = end => Ok(()),
    }
}

fn router() -> Router {
    Router::new().route("/", get(|| async { GREETING }))
}

/// Serves with the default limits.
async fn upbeat(port: Sender<u16>, end: impl Future<Output = ()>) -> Result<()> {
    let server = HttpServer::bind(ANY_PORT, router());
    let address = server.address();
    let conductor = Conductor::new("bench").player("http", server);
    let report_port = async move { port.send(address.wait().await.port()) };
    let (report, sent) = tokio::join!(conductor.play_until(end), report_port);
    ensure!(report.is_clean(), "not a clean report: {report}");
    sent.context("the receiver of the port is gone")
}

/// Accepts connections without limits, drain or HTTP/2.
async fn accept<F>(listener: TcpListener, serve: impl Fn(TcpStream) -> F) -> Result<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(serve(stream));
    }
}

async fn plain(stream: TcpStream) {
    // The error of a connection affects only its client.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(greet)).await;
}

async fn greet(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::new(Bytes::from_static(GREETING.as_bytes())));
    let text = header::HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, text);
    Ok(response)
}

async fn routed(stream: TcpStream, router: TowerToHyperService<Router>) {
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), router).await;
}
