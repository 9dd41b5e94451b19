//! Tests of disconnected and slow clients, of the stop, and of the memory usage.

#![expect(clippy::print_stdout, reason = "the test prints its figures")]

use std::{collections::HashSet, fs, time::Duration};

use futures_util::{Stream, StreamExt as _};
use sqlx::{Connection as _, Executor as _, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::{io::AsyncReadExt as _, net::TcpStream, time::timeout};
use upbeat_examples::program::Signal;
use upbeat_http::EntryError;
use upbeat_measurements::{Averaged, Fault, FaultCode, connect, generate};

use crate::server::{Server, Stats, TIMEOUT, bytes, entries, file, fill, folder, lines};

/// A number of rows that exceeds all buffers between the server and a client that does not read.
const MANY: u64 = 600_000;

/// Waits until no stream is open and no query runs.
async fn wait_until_idle(server: &Server) {
    server.until(|stats| stats.open_streams == 0 && stats.idle == stats.open).await;
}

/// Waits until this number of streams is open and none makes progress, because all buffers on the
/// way to the clients are full.
async fn wait_until_stalled(server: &Server, streams: u64) -> Stats {
    let (mut before, mut unchanged) = (0, 0);
    let stalled = |stats: &Stats| {
        unchanged = if stats.rows_read == before && stats.idle == stats.open { unchanged + 1 } else { 0 };
        before = stats.rows_read;
        stats.open_streams == streams && unchanged > 20
    };
    server.until(stalled).await
}

/// Waits for the first bytes of a response.
async fn read_first_bytes(stream: &mut TcpStream) {
    let mut some = [0; 4_096];
    timeout(TIMEOUT, stream.read_exact(&mut some)).await.expect("in time").expect("rows");
}

#[tokio::test]
async fn a_disconnect_ends_the_query() {
    let server = Server::with_rows(MANY);
    let mut client = server.send("/measurements").await;
    read_first_bytes(&mut client).await;
    assert_eq!(server.stats().await.open_streams, 1);
    drop(client);
    wait_until_idle(&server).await;
    let read = server.stats().await.rows_read;
    assert!((1..MANY / 2).contains(&read), "{read}");

    let mut socket = connect::bytes(&server.ws("")).await.expect("a stream");
    socket.next().await.expect("rows").expect("whole");
    assert_eq!(server.stats().await.open_streams, 1);
    drop(socket);
    wait_until_idle(&server).await;
    let read_since = server.stats().await.rows_read - read;
    assert!((1..MANY / 2).contains(&read_since), "{read_since}");
    assert_eq!(server.stop().0.code, Some(0));
}

#[tokio::test]
async fn a_disconnect_ends_a_query_without_matching_rows() {
    let folder = folder();
    fill(&folder, MANY).await;
    // A bad row would be sent, and the server would detect the disconnect by the failed write.
    let options = SqliteConnectOptions::new().filename(file(&folder));
    let mut other = SqliteConnection::connect_with(&options).await.expect("opened");
    other.execute("DELETE FROM measurement WHERE value IS NULL OR value > 1e6").await.expect("deleted");
    let server = Server::start(folder, &["--rows", "0"]);
    let query = "?above=1e6";
    for by_socket in [false, true] {
        let before = server.stats().await.rows_read;
        if by_socket {
            let socket = connect::bytes(&server.ws(query)).await.expect("a stream");
            server.until(|stats| stats.open_streams == 1).await;
            drop(socket);
        } else {
            let client = server.send(&format!("/measurements{query}")).await;
            server.until(|stats| stats.open_streams == 1).await;
            drop(client);
        }
        wait_until_idle(&server).await;
        let read = server.stats().await.rows_read - before;
        assert!((1..MANY * 9 / 10).contains(&read), "{read}");
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_stalls_only_its_stream_and_holds_no_connection() {
    let server = Server::with_rows(MANY);
    // Far more clients than connections to the database.
    let mut clients = Vec::new();
    for _ in 0..10 {
        clients.push(server.send("/measurements").await);
        clients.push(server.send("/measurements?above=20").await);
    }
    let stats = wait_until_stalled(&server, 20).await;
    assert!(stats.rows_read < 20 * MANY / 2, "{stats:?}");
    assert!(stats.open <= 8, "{stats:?}");
    assert_eq!(entries(&server.http("?to=2026-01-01T00:00:10Z")).await.len(), 10, "another client is served");
    drop(clients);
    wait_until_idle(&server).await;
}

/// Reads an entry, calls `stop`, and reads the rest. Returns the number of rows and the last entry.
async fn read_through_stop<S>(mut stream: S, stop: impl FnOnce()) -> (u64, Option<Result<Fault, String>>)
where
    S: Stream<Item = Result<Averaged, EntryError<Fault>>> + Unpin,
{
    stream.next().await.expect("an entry").expect("a row");
    stop();
    let (mut rows, mut last) = (1, None);
    while let Some(entry) = timeout(TIMEOUT, stream.next()).await.expect("in time") {
        assert!(last.is_none(), "an entry follows the last one");
        match entry {
            Ok(_) => rows += 1,
            Err(EntryError::Reported(fault)) if fault.code == FaultCode::BadRow => rows += 1,
            Err(EntryError::Reported(fault)) => last = Some(Ok(fault)),
            Err(EntryError::Lost { source, .. }) => last = Some(Err(source.to_string())),
            Err(error) => panic!("{error}"),
        }
    }
    (rows, last)
}

#[tokio::test]
async fn a_stop_ends_a_stream_with_a_fault_from_which_to_resume() {
    let server = Server::with_rows(MANY);
    let whole = bytes(&server.http("")).await;
    let stream = connect::entries(&server.http("")).await.expect("a stream");
    let (rows, last) = read_through_stop(stream, || server.program.signal(Signal::TERM)).await;
    let last = last.expect("a last entry").expect("a fault");
    assert_eq!((last.code, last.resume), (FaultCode::Stopping, Some(generate::time(rows - 1).next())), "{last:?}");
    assert!(rows < MANY, "{rows}");
    let (ended, folder) = server.end();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);

    let server = Server::start(folder, &[]);
    let rest = bytes(&server.http(&format!("?from={}", last.resume.expect("it is there")))).await;
    let rest_begins = whole.split_inclusive(|byte| *byte == b'\n').take(usize::try_from(rows).expect("it fits"));
    let rest_begins = rest_begins.map(<[u8]>::len).sum::<usize>();
    assert!(whole[rest_begins..] == rest, "a row is lost or repeated");
}

#[tokio::test]
async fn a_stop_closes_a_websocket_with_1001() {
    let server = Server::with_rows(MANY);
    let stream = connect::entries(&server.ws("")).await.expect("a stream");
    let (rows, last) = read_through_stop(stream, || server.program.signal(Signal::TERM)).await;
    assert!(rows < MANY, "{rows}");
    match last.expect("a last entry") {
        Err(error) => assert_eq!(error, "server is going away (close code 1001)"),
        // The fault may be sent before the close frame.
        Ok(fault) => assert_eq!(fault.code, FaultCode::Stopping),
    }
    let (ended, _) = server.end();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

#[tokio::test]
async fn a_stop_aborts_and_names_a_stream_whose_client_does_not_read() {
    let server = Server::start(folder(), &["--rows", &MANY.to_string(), "--drain", "1"]);
    let mut client = server.send("/measurements").await;
    read_first_bytes(&mut client).await;
    wait_until_stalled(&server, 1).await;
    let (ended, _) = server.stop();
    assert_eq!(ended.code, Some(124), "{}", ended.stderr);
    assert!(ended.took < Duration::from_secs(15), "{:?}", ended.took);
    assert!(ended.stderr.contains("GET /measurements, open for "), "{}", ended.stderr);
}

#[tokio::test]
async fn diagnostics_show_open_streams() {
    let server = Server::with_rows(MANY);
    let mut client = server.send("/measurements").await;
    read_first_bytes(&mut client).await;
    let dump = async || {
        let mut stream = TcpStream::connect(&server.diagnostics).await.expect("it listens");
        let request = "GET /dump?text HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";
        tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        answer
    };
    assert!(dump().await.contains("GET /measurements"), "{}", dump().await);
    drop(client);
    wait_until_idle(&server).await;
    assert!(!dump().await.contains("GET /measurements"), "{}", dump().await);
}

/// Returns the current and the peak memory usage of the server in KiB.
fn memory(server: &Server) -> (u64, u64) {
    let status = fs::read_to_string(format!("/proc/{}/status", server.program.id())).expect("it runs");
    let of = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("it is there");
        line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number")
    };
    (of("VmRSS:"), of("VmHWM:"))
}

/// Streams this number of rows over HTTP and WebSocket, and returns the peak memory usage.
async fn memory_after(server: &Server, rows: u64) -> u64 {
    let query = format!("?window=1000&to={}", generate::time(rows));
    for url in [server.http(&query), server.ws(&query)] {
        let mut stream = connect::bytes(&url).await.expect("a stream");
        let mut sent = 0;
        while let Some(piece) = stream.next().await {
            sent += lines(&piece.expect("whole"));
        }
        assert_eq!(sent, rows - 999, "the first rows have no average");
    }
    let (current, peak) = memory(server);
    println!("after {rows} rows: {current} KiB in memory, {peak} KiB at most");
    peak
}

async fn memory_does_not_depend_on_the_rows(rows: u64) {
    let server = Server::with_rows(rows);
    // The first streams allocate memory that does not depend on the number of rows.
    memory_after(&server, 10_000).await;
    let few = memory_after(&server, 10_000).await;
    let many = memory_after(&server, rows).await;
    // The allocator may keep some more memory. Each line has 80 bytes.
    assert!(many < few + 16 * 1024, "{few} KiB, and {many} KiB after {rows} rows");
}

#[tokio::test]
async fn memory_is_the_same_for_ten_thousand_rows_and_a_million() {
    memory_does_not_depend_on_the_rows(1_000_000).await;
}

#[tokio::test]
#[ignore = "takes a minute"]
async fn memory_is_the_same_for_ten_thousand_rows_and_ten_million() {
    memory_does_not_depend_on_the_rows(10_000_000).await;
}

#[tokio::test]
async fn many_concurrent_streams_are_complete() {
    let server = Server::with_rows(20_000);
    let urls: Vec<_> =
        (0..24).map(|n| if n % 2 == 0 { server.http("?window=60") } else { server.ws("?window=60") }).collect();
    let all: Vec<_> = futures_util::future::join_all(urls.iter().map(|url| bytes(url))).await;
    assert_eq!(all.into_iter().collect::<HashSet<_>>().len(), 1);
    wait_until_idle(&server).await;
}
