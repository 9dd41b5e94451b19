//! The client, with servers that are not ours.

mod common;

use common::SOON;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use upbeat_examples::program::{Program, Signal};

const HEAD: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
const ROW: &str = "{\"time\":\"2026-01-01T00:00:00.000Z\",\"value\":20.5,\"average\":21}\n";
const PRINTED: &str = "2026-01-01T00:00:00.000Z    20.50    21.00\n";
const ERROR: &str = "{\"error\":{\"code\":\"bad_row\",\"message\":\"a row is bad\"}}\n";

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

/// A client, and our end of its connection, on which its request was read and this was answered.
async fn client(answer: &str) -> (Program, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let url = format!("http://{}/measurements", listener.local_addr().expect("bound"));
    let program = Program::start("measurements-client", &[&url]);
    let (mut stream, _) = timeout(SOON, listener.accept()).await.expect("in time").expect("it connects");
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await.expect("a request"));
    }
    stream.write_all(answer.as_bytes()).await.expect("sent");
    (program, stream)
}

#[tokio::test]
async fn a_signal_ends_it_at_once_with_what_it_had() {
    let (mut program, mut stream) = client(&format!("{HEAD}{}", chunk(&(ROW.to_owned() + ERROR)))).await;
    program.until("error: a row is bad");
    program.signal(Signal::INT);
    let ended = program.end();
    assert_eq!(ended.printed, PRINTED);
    assert!(ended.said.contains("printed 1 measurements"), "{}", ended.said);
    assert_eq!(ended.code, Some(1), "there was an error: {}", ended.said);
    let left = timeout(SOON, stream.read(&mut [0])).await.expect("in time");
    assert!(matches!(left, Ok(0) | Err(_)), "its connection is closed: {left:?}");
}

#[tokio::test]
async fn a_signal_without_errors_before_it_is_a_success() {
    // It has not even an answer yet.
    let (program, _stream) = client("").await;
    program.signal(Signal::INT);
    let ended = program.end();
    assert_eq!((ended.code, &*ended.printed), (Some(0), ""), "{}", ended.said);
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_an_error_and_so_is_what_is_no_entry() {
    let lines =
        ["nonsense\n", ROW, "{\"time\":7}\n", "{\"error\":\"no fault of ours\"}\n", ROW, "{\"time\":\"2026"].concat();
    let (program, stream) = client(&format!("{HEAD}{}", chunk(&lines))).await;
    drop(stream);
    let ended = program.end();
    assert_eq!(ended.printed, PRINTED.repeat(2));
    for error in [
        "error: line 1 is not what was expected: ",
        "error: line 3 is not what was expected: ",
        "error: line 4 is not what was expected: ",
        "error: stream failed after line 5: ",
        "4 of the entries were errors",
    ] {
        assert!(ended.said.contains(error), "{error:?} is not in {}", ended.said);
    }
    assert_eq!(ended.code, Some(1));
}
