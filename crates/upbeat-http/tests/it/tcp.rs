//! The TCP server, over real sockets.

use std::{io, time::Duration};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use upbeat::{Context, report::Outcome};
use upbeat_http::{Socket, TcpServer};

use crate::common::{
    TEST_TIMEOUT, play,
    raw::{Raw, is_refused},
    serve,
};

const DRAIN: Duration = Duration::from_millis(600);
const BUSY_MACHINE: Duration = Duration::from_millis(200);

/// A protocol of lines. It echoes a line, except for four commands.
///
/// `stubborn` makes the handler wait forever, and `polite` makes it end at the stop. `fail` and
/// `panic` end it at once.
async fn lines(socket: Socket, cx: Context) -> io::Result<()> {
    let mut socket = BufReader::new(socket);
    let mut line = String::new();
    while socket.read_line(&mut line).await? > 0 {
        match line.trim_end() {
            "stubborn" => {
                socket.write_all(b"as you like\n").await?;
                std::future::pending::<()>().await;
            }
            "polite" => {
                socket.write_all(b"with pleasure\n").await?;
                cx.stopping().await;
                return socket.write_all(b"goodbye\n").await;
            }
            "fail" => return Err(io::Error::other("as told")),
            "panic" => panic!("as told"),
            _ => socket.write_all(line.as_bytes()).await?,
        }
        line.clear();
    }
    Ok(())
}

fn server() -> TcpServer<impl Fn(Socket, Context) -> Lines + Send + Sync + 'static> {
    fn boxed(socket: Socket, cx: Context) -> Lines {
        Box::pin(lines(socket, cx))
    }
    TcpServer::bind("127.0.0.1:0", boxed as fn(Socket, Context) -> Lines).drain_timeout(DRAIN)
}

type Lines = std::pin::Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

#[tokio::test]
async fn handlers_observe_the_stop_and_finish_and_later_connections_are_refused() {
    let server = server().drain_timeout(TEST_TIMEOUT);
    let (mut playing, address) = serve(server).await;
    let mut client = Raw::connect(address).await;
    client.send("polite\n").await;
    client.until("with pleasure\n").await;
    playing.stop();
    client.until("goodbye\n").await;
    let ended = playing.ended().await;
    assert!(ended.cut.is_empty() && ended.notes[0].ends_with(": 1 connection finished"), "{ended:?}");
    assert!(ended.took < BUSY_MACHINE, "{ended:?}");
    assert!(is_refused(address).await);
}

#[tokio::test]
async fn a_handler_is_aborted_at_the_drain_deadline_and_reported_with_its_peer() {
    let server = server();
    let (mut playing, address) = serve(server).await;
    let mut client = Raw::connect(address).await;
    client.send("stubborn\n").await;
    client.until("as you like\n").await;
    playing.stop();
    let ended = playing.ended().await;
    assert!(ended.took >= DRAIN && ended.took < DRAIN + BUSY_MACHINE, "{ended:?}");
    assert_eq!(ended.player.outcome, Outcome::Stopped);
    let peer = client.stream.local_addr().expect("connected");
    assert!(ended.cut[0].starts_with(&format!("connection from {peer}, open for ")), "{ended:?}");
    assert!(ended.notes[0].ends_with(": 0 connections finished, 1 cut"), "{ended:?}");
    client.closed().await;
}

#[tokio::test]
async fn an_error_and_a_panic_end_their_connection_only() {
    let server = server();
    let (playing, address) = serve(server).await;
    let mut other = Raw::connect(address).await;
    for end in ["fail\n", "panic\n"] {
        let mut client = Raw::connect(address).await;
        client.send(end).await;
        client.closed().await;
    }
    other.send("still here\n").await;
    assert_eq!(other.until("\n").await, "still here\n");
    drop(other);
    assert!(playing.stopped().await.report.is_clean());
}

#[tokio::test]
async fn connections_in_the_accept_queue_at_the_stop_are_handled() {
    let server = server().max_connections(1).drain_timeout(TEST_TIMEOUT);
    let (mut playing, address) = serve(server).await;
    let mut first = Raw::connect(address).await;
    first.send("one\n").await;
    first.until("one\n").await;
    let mut queued = Vec::new();
    for _ in 0..20 {
        let mut client = Raw::connect(address).await;
        client.send("polite\n").await;
        queued.push(client);
    }
    playing.stop();
    for client in &mut queued {
        client.until("with pleasure\ngoodbye\n").await;
    }
    drop(first);
    let ended = playing.ended().await;
    assert!(ended.cut.is_empty() && ended.notes[0].ends_with(": 21 connections finished"), "{ended:?}");
}

#[tokio::test]
async fn a_unix_socket_is_served() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("lines.sock");
    let playing = play(TcpServer::unix(&path, lines)).await;
    let mut client = BufReader::new(tokio::net::UnixStream::connect(&path).await.expect("connects"));
    client.write_all(b"hello\n").await.expect("sends");
    let mut line = String::new();
    client.read_line(&mut line).await.expect("echoes");
    assert_eq!(line, "hello\n");
    drop(client);
    playing.stopped().await;
    assert!(!path.exists());
}
