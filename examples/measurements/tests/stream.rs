//! What comes out of the stream, by both ways, and that it is right.

mod common;

use common::{Server, assert_same, bytes, entries, plain};
use upbeat_examples::program::{Ended, Program, example};
use upbeat_measurements::generate;

const ROWS: u64 = 30_000;

#[tokio::test]
async fn the_rows_are_those_of_a_plain_loop() {
    let server = Server::with_rows(ROWS);
    let all = f64::NEG_INFINITY;
    assert_same(&entries(&server.http("")).await, &plain(0, ROWS, all, 1, all));
    assert_same(&entries(&server.http("?window=7")).await, &plain(0, ROWS, all, 7, all));
    let filtered = plain(0, ROWS, 15.0, 60, 20.5);
    assert!((100..20_000).contains(&filtered.len()), "{}", filtered.len());
    assert_same(&entries(&server.http("?min=15&window=60&above=20.5")).await, &filtered);
    let range = format!("?from={}&to={}&window=5", generate::time(4_990), generate::time(10_000));
    assert_same(&entries(&server.http(&range)).await, &plain(4_990, 10_000, all, 5, all));
    assert_eq!(entries(&server.http("?above=1e6")).await.len(), 3, "only what is bad");
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
async fn http_and_websocket_are_the_same_bytes() {
    let server = Server::with_rows(ROWS);
    for query in ["", "?min=12&window=60&above=20.5", "?to=1990-01-01T00:00:00Z"] {
        let by_http = bytes(&server.http(query)).await;
        assert_eq!(by_http.is_empty(), query.contains("1990"), "{query}");
        assert!(by_http == bytes(&server.ws(query)).await, "{query}");
    }
}

#[tokio::test]
async fn it_says_what_it_is_and_comes_in_chunks() {
    let server = Server::with_rows(2_000);
    let (head, body) = server.get("/measurements").await;
    assert!(head.starts_with("http/1.1 200 "), "{head}");
    assert!(head.contains("\r\ncontent-type: application/x-ndjson"), "{head}");
    assert!(head.contains("\r\ntransfer-encoding: chunked"), "{head}");
    // The size of the first chunk: many rows in it, and not all of them.
    let size = usize::from_str_radix(body.lines().next().expect("a chunk"), 16).expect("a size");
    assert!((16 * 1024..18 * 1024).contains(&size), "{size}");
}

/// The client's end.
fn client(args: &[&str]) -> Ended {
    Program::spawn(example("measurements-client").args(args)).end()
}

#[tokio::test]
async fn the_client_prints_the_same_however_it_reads_and_wherever_it_is_filtered() {
    let server = Server::with_rows(ROWS);
    let query = "?min=15&window=60&above=20.5";
    let options = ["--min", "15", "--window", "60", "--above", "20.5"];
    let expected = plain(0, ROWS, 15.0, 60, 20.5);
    let good = expected.iter().filter(|row| row.is_ok()).count();
    let bad = expected.len() - good;

    let first = client(&[&server.http(query), "--json"]);
    assert_eq!(first.printed.lines().count(), good);
    assert!(first.said.contains("error: at 2026-01-01T01:23:20.000Z there is no value\n"), "{}", first.said);
    assert!(first.said.contains(&format!("{bad} of the entries were errors")), "{}", first.said);
    assert_eq!(first.code, Some(1));
    let urls = [server.ws(query), server.http(""), server.ws("")];
    for (url, options) in urls.iter().zip([&[][..], &options, &options]) {
        let other = client(&[&[&**url, "--json"], options].concat());
        assert!(other.printed == first.printed, "{url}");
        assert_eq!(other.code, Some(1), "{url}");
    }
}

#[tokio::test]
async fn the_client_ends_well_when_nothing_was_wrong() {
    let server = Server::with_rows(3);
    let ended = client(&[&server.ws("?window=3")]);
    let values: Vec<_> = (0..3).filter_map(generate::value).collect();
    let average = values.iter().sum::<f64>() / 3.0;
    assert_eq!(ended.printed, format!("{}  {:>7.2}  {average:>7.2}\n", generate::time(2), values[2]));
    assert_eq!(ended.code, Some(0), "{}", ended.said);
}

#[tokio::test]
async fn the_client_says_why_there_is_nothing() {
    let server = Server::with_rows(3);
    let refused = [server.http("?window=0"), server.ws("?window=0")];
    for url in refused {
        let ended = client(&[&url]);
        let why = "the server refuses with 400: `window` has to be a whole number from 1 to 100000, not \"0\"";
        assert!(ended.said.contains(why), "{}", ended.said);
        assert_eq!((ended.code, &*ended.printed), (Some(1), ""));
    }
    let gone = server.http("");
    drop(server);
    for (url, why) in [(&*gone, "cannot connect to http://"), ("gopher://x", "is no URL of measurements")] {
        let ended = client(&[url]);
        assert!(ended.said.contains(why), "{}", ended.said);
        assert_eq!(ended.code, Some(1));
    }
}
