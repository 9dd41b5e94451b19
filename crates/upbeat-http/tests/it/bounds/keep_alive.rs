//! Clients that vanish.

use std::time::Duration;

use axum::{Router, routing::get};
use socket2::SockRef;
use tokio::{io::AsyncReadExt as _, sync::mpsc};
use upbeat::Context;
use upbeat_http::{HttpServer, Socket, TcpServer};

use super::SHORT;
use crate::common::{raw::Raw, serve};

/// An interval that is set, or not.
enum Interval {
    Default,
    Set(Option<Duration>),
}

/// Returns the options of an accepted socket: whether it is checked, and after which silence.
async fn checked(interval: Interval) -> (bool, Duration) {
    let (sender, mut sockets) = mpsc::unbounded_channel();
    let handler = move |socket: Socket, _: Context| {
        let sender = sender.clone();
        async move {
            let Socket::Tcp(stream) = &socket else { panic!("a TCP socket") };
            let socket = SockRef::from(stream);
            let options = (socket.keepalive().expect("readable"), socket.tcp_keepalive_time().expect("readable"));
            let _ = sender.send(options);
            Ok::<_, std::io::Error>(())
        }
    };
    let mut server = TcpServer::bind("127.0.0.1:0", handler);
    if let Interval::Set(interval) = interval {
        server = server.keep_alive_interval(interval);
    }
    let (playing, address) = serve(server).await;
    let _client = Raw::connect(address).await;
    let options = sockets.recv().await.expect("accepted");
    playing.stopped().await;
    options
}

#[tokio::test]
async fn an_accepted_socket_is_checked_at_the_interval() {
    let second = Duration::from_secs(1);
    assert_eq!(checked(Interval::Default).await, (true, 15 * second));
    assert_eq!(checked(Interval::Set(Some(30 * second))).await, (true, 30 * second));
    assert_eq!(checked(Interval::Set(Some(Duration::ZERO))).await, (true, second));
    assert!(checked(Interval::Set(Some(Duration::MAX))).await.0);
    assert!(!checked(Interval::Set(None)).await.0);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_connection_of_an_http_server_is_checked() {
    for (interval, timer) in [(Some(Duration::from_secs(15)), "02"), (None, "00")] {
        let router = Router::new().route("/", get("hello"));
        let (playing, address) = serve(HttpServer::bind("127.0.0.1:0", router).keep_alive_interval(interval)).await;
        let mut client = Raw::connect(address).await;
        assert!(client.get("/").await.ends_with("hello"));
        let port = |port: u16| format!(":{port:04X}");
        let client_port = port(client.stream.local_addr().expect("connected").port());
        // `proc_net_tcp(5)`: local and remote address, state, queues, and the active timer.
        let table = std::fs::read_to_string("/proc/net/tcp").expect("readable");
        let lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let mut of_server =
            lines.filter(|line| line[1].ends_with(&port(address.port())) && line[2].ends_with(&client_port));
        let line = of_server.next().expect("listed");
        assert!(line[5].starts_with(timer), "{line:?}");
        playing.stopped().await;
    }
}

#[tokio::test]
async fn an_http2_client_that_does_not_answer_a_ping_is_closed() {
    let router = Router::new().route("/", get("hello"));
    let (playing, address) = serve(HttpServer::bind("127.0.0.1:0", router).keep_alive_interval(SHORT)).await;
    let mut client = Raw::connect(address).await;
    client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await;
    let mut bytes = Vec::new();
    let read = client.stream.read_to_end(&mut bytes);
    let _ = tokio::time::timeout(crate::common::TEST_TIMEOUT, read).await.expect("the server closes");
    assert!(bytes.windows(5).any(|frame| frame == [0, 0, 8, 6, 0]), "it has sent a PING: {bytes:?}");
    playing.stopped().await;
}
