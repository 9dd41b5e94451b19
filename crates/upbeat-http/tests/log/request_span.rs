use axum::{Router, routing::get};
use upbeat_http::HttpServer;

use crate::{
    captured::CapturedLog,
    common::{raw::Raw, serve},
};

#[tokio::test]
async fn the_handler_runs_in_the_span_of_its_request() {
    let (log, _guard) = CapturedLog::start();
    let handler = async || {
        tracing::info!("before");
        tokio::task::yield_now().await;
        tracing::info!("after");
    };
    let server = HttpServer::bind("127.0.0.1:0", Router::new().route("/order", get(handler)));
    let (playing, address) = serve(server).await;
    let mut client = Raw::connect(address).await;
    client.send("GET /order?secret HTTP/1.1\r\nhost: x\r\nx-request-id: order-7\r\n\r\n").await;
    client.answer().await;
    playing.stopped().await;
    let text = log.text();
    for line in ["before", "after"] {
        let line = text.lines().find(|logged| logged.ends_with(line)).expect("it is logged");
        assert!(line.contains("request{id=order-7 method=GET path=\"/order\"}"), "{line}");
    }
}
