//! Tests of the client with simulated servers.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use upbeat_examples::program::{Program, Signal};

use crate::server::TIMEOUT;

const HEAD: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
const ROW: &str = "{\"time\":\"2026-01-01T00:00:00.000Z\",\"value\":20.5,\"average\":21}\n";
const PRINTED: &str = "2026-01-01T00:00:00.000Z    20.50    21.00\n";
const ERROR: &str = "{\"error\":{\"code\":\"bad_row\",\"message\":\"a row is bad\"}}\n";

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

/// Starts a client, reads its request and sends `answer`. Returns the client and the connection.
async fn client(answer: &str) -> (Program, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let url = format!("http://{}/measurements", listener.local_addr().expect("bound"));
    let program = Program::start("measurements-client", &[&url]);
    let (mut stream, _) = timeout(TIMEOUT, listener.accept()).await.expect("in time").expect("it connects");
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await.expect("a request"));
    }
    stream.write_all(answer.as_bytes()).await.expect("sent");
    (program, stream)
}

#[tokio::test]
async fn a_signal_ends_the_client_at_once_with_its_rows() {
    let (mut program, mut stream) = client(&format!("{HEAD}{}", chunk(&(ROW.to_owned() + ERROR)))).await;
    program.until("error: a row is bad");
    program.signal(Signal::INT);
    let ended = program.end();
    assert_eq!(ended.stdout, PRINTED);
    assert!(ended.stderr.contains("printed 1 measurements"), "{}", ended.stderr);
    assert_eq!(ended.code, Some(1), "the stream had an error: {}", ended.stderr);
    let left = timeout(TIMEOUT, stream.read(&mut [0])).await.expect("in time");
    assert!(matches!(left, Ok(0) | Err(_)), "the connection is not closed: {left:?}");
}

#[tokio::test]
async fn a_signal_without_errors_before_it_is_a_success() {
    // The client has not received a response yet.
    let (program, _stream) = client("").await;
    program.signal(Signal::INT);
    let ended = program.end();
    assert_eq!((ended.code, &*ended.stdout), (Some(0), ""), "{}", ended.stderr);
}

#[tokio::test]
async fn an_incomplete_stream_and_invalid_entries_are_errors() {
    let lines = ["nonsense\n", ROW, "{\"time\":7}\n", "{\"error\":\"unknown\"}\n", ROW, "{\"time\":\"2026"].concat();
    let (program, stream) = client(&format!("{HEAD}{}", chunk(&lines))).await;
    drop(stream);
    let ended = program.end();
    assert_eq!(ended.stdout, PRINTED.repeat(2));
    for error in [
        "error: line 1 is malformed: ",
        "error: line 3 is malformed: ",
        "error: line 4 is malformed: ",
        "error: stream failed after line 5: ",
        "4 entries are errors",
    ] {
        assert!(ended.stderr.contains(error), "{error:?} is not in {}", ended.stderr);
    }
    assert_eq!(ended.code, Some(1));
}
