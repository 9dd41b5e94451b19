//! Tests of the rows of the stream, over HTTP and WebSocket.

use upbeat_examples::program::{Ended, Program, example};
use upbeat_measurements::generate;

use crate::server::{Server, assert_same, bytes, entries, expected};

const ROWS: u64 = 30_000;

#[tokio::test]
async fn the_rows_are_those_of_a_loop() {
    let server = Server::with_rows(ROWS);
    let all = f64::NEG_INFINITY;
    assert_same(&entries(&server.http("")).await, &expected(0, ROWS, all, 1, all));
    assert_same(&entries(&server.http("?window=7")).await, &expected(0, ROWS, all, 7, all));
    let filtered = expected(0, ROWS, 15.0, 60, 20.5);
    assert!((100..20_000).contains(&filtered.len()), "{}", filtered.len());
    assert_same(&entries(&server.http("?min=15&window=60&above=20.5")).await, &filtered);
    let range = format!("?from={}&to={}&window=5", generate::time(4_990), generate::time(10_000));
    assert_same(&entries(&server.http(&range)).await, &expected(4_990, 10_000, all, 5, all));
    assert_eq!(entries(&server.http("?above=1e6")).await.len(), 3, "only the bad rows");
    assert_eq!(entries(&server.http("?from=2000-01-01T00:00:00Z&to=2001-01-01T00:00:00Z")).await, []);
    assert_eq!(server.stop().0.code, Some(0));
}

#[tokio::test]
async fn a_page_that_ends_with_the_last_row_is_the_last_one() {
    // A page has 4096 rows.
    for rows in [4_095, 4_096, 4_097, 8_192] {
        let server = Server::with_rows(rows);
        assert_eq!(entries(&server.http("")).await.len() as u64, rows);
    }
}

#[tokio::test]
async fn http_and_websocket_send_the_same_bytes() {
    let server = Server::with_rows(ROWS);
    for query in ["", "?min=12&window=60&above=20.5", "?to=1990-01-01T00:00:00Z"] {
        let by_http = bytes(&server.http(query)).await;
        assert_eq!(by_http.is_empty(), query.contains("1990"), "{query}");
        assert!(by_http == bytes(&server.ws(query)).await, "{query}");
    }
}

#[tokio::test]
async fn the_response_has_a_content_type_and_is_chunked() {
    let server = Server::with_rows(2_000);
    let (head, body) = server.get("/measurements").await;
    assert!(head.starts_with("http/1.1 200 "), "{head}");
    assert!(head.contains("\r\ncontent-type: application/x-ndjson"), "{head}");
    assert!(head.contains("\r\ntransfer-encoding: chunked"), "{head}");
    // The first chunk has many rows, but not all of them.
    let size = usize::from_str_radix(body.lines().next().expect("a chunk"), 16).expect("a size");
    assert!((16 * 1024..18 * 1024).contains(&size), "{size}");
}

/// Runs the client until it exits.
fn client(args: &[&str]) -> Ended {
    Program::spawn(example("measurements-client").args(args)).end()
}

#[tokio::test]
async fn the_client_prints_the_same_for_each_protocol_and_place_of_the_filter() {
    let server = Server::with_rows(ROWS);
    let query = "?min=15&window=60&above=20.5";
    let options = ["--min", "15", "--window", "60", "--above", "20.5"];
    let expected = expected(0, ROWS, 15.0, 60, 20.5);
    let good = expected.iter().filter(|row| row.is_ok()).count();
    let bad = expected.len() - good;

    let first = client(&[&server.http(query), "--json"]);
    assert_eq!(first.stdout.lines().count(), good);
    assert!(first.stderr.contains("error: bad row at 2026-01-01T01:23:20.000Z: no value\n"), "{}", first.stderr);
    assert!(first.stderr.contains(&format!("{bad} entries are errors")), "{}", first.stderr);
    assert_eq!(first.code, Some(1));
    let urls = [server.ws(query), server.http(""), server.ws("")];
    for (url, options) in urls.iter().zip([&[][..], &options, &options]) {
        let other = client(&[&[&**url, "--json"], options].concat());
        assert!(other.stdout == first.stdout, "{url}");
        assert_eq!(other.code, Some(1), "{url}");
    }
}

#[tokio::test]
async fn the_client_exits_with_0_without_errors() {
    let server = Server::with_rows(3);
    let ended = client(&[&server.ws("?window=3")]);
    let values: Vec<_> = (0..3).filter_map(generate::value).collect();
    let average = values.iter().sum::<f64>() / 3.0;
    assert_eq!(ended.stdout, format!("{}  {:>7.2}  {average:>7.2}\n", generate::time(2), values[2]));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

#[tokio::test]
async fn the_client_prints_why_it_cannot_connect() {
    let server = Server::with_rows(3);
    let urls = [server.http("?window=0"), server.ws("?window=0")];
    for url in urls {
        let ended = client(&[&url]);
        let reason = "server responded with 400: `window` must be a whole number from 1 to 100000, not \"0\"";
        assert!(ended.stderr.contains(reason), "{}", ended.stderr);
        assert_eq!((ended.code, &*ended.stdout), (Some(1), ""));
    }
    let gone = server.http("");
    drop(server);
    for (url, reason) in [(&*gone, "failed to connect to http://"), ("gopher://x", "invalid URL \"gopher://x\"")] {
        let ended = client(&[url]);
        assert!(ended.stderr.contains(reason), "{}", ended.stderr);
        assert_eq!(ended.code, Some(1));
    }
}
