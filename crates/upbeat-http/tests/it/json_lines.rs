//! Lines of JSON, from a stream to bytes and back.

use std::{collections::BTreeMap, io, pin::pin};

use axum::response::IntoResponse as _;
use bytes::Bytes;
use futures_util::{FutureExt as _, Stream, StreamExt, stream};
use http::header;
use http_body_util::BodyExt as _;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use upbeat_http::{EntryError, JsonEntries, JsonLines};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Row {
    name: String,
    value: Option<i64>,
}

/// Converts an entry so that it can be compared: an error becomes its text.
fn comparable<T, E>(entry: Result<T, EntryError<E>>) -> Result<T, String>
where
    EntryError<E>: std::error::Error,
{
    entry.map_err(|error| error.to_string())
}

/// Reads all entries of these bytes, pushed in these pieces.
fn read(pieces: impl IntoIterator<Item = Vec<u8>>, limit: usize) -> Vec<Result<Row, String>> {
    let pieces = stream::iter(pieces.into_iter().map(Ok::<_, io::Error>));
    let entries = JsonEntries::<_, Row, String>::new(pieces).max_line_bytes(limit);
    entries.map(comparable).collect::<Vec<_>>().now_or_never().expect("nothing to wait for")
}

/// Splits bytes into pieces of these lengths and a rest.
fn cut(bytes: &[u8], lengths: &[usize]) -> Vec<Vec<u8>> {
    let mut rest = bytes;
    let mut pieces = Vec::new();
    for length in lengths {
        let (piece, after) = rest.split_at((*length).min(rest.len()));
        pieces.push(piece.to_vec());
        rest = after;
    }
    pieces.push(rest.to_vec());
    pieces
}

fn line() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        // Valid entries, errors, and arbitrary bytes.
        ("\\PC{0,12}", any::<Option<i64>>())
            .prop_map(|(name, value)| serde_json::to_vec(&Row { name, value }).expect("it is JSON")),
        "\\PC{0,12}".prop_map(|error| serde_json::json!({ "error": error }).to_string().into_bytes()),
        proptest::collection::vec(any::<u8>(), 0..60),
        Just(b" \r".to_vec()),
    ]
}

proptest! {
    #[test]
    fn written_entries_are_read_for_every_split(
        rows in proptest::collection::vec(
            prop_oneof![
                ("\\PC{0,20}", any::<Option<i64>>()).prop_map(|(name, value)| Ok(Row { name, value })),
                "\\PC{0,20}".prop_map(Err),
            ],
            0..20,
        ),
        lengths in proptest::collection::vec(0_usize..40, 0..40),
    ) {
        let chunks: Vec<Bytes> =
            StreamExt::collect(JsonLines::new(stream::iter(rows.clone()))).now_or_never().expect("nothing to wait for");
        prop_assert_eq!(read(cut(&chunks.concat(), &lengths), 1_000), rows);
    }

    #[test]
    fn any_bytes_are_the_same_entries_for_every_split(
        lines in proptest::collection::vec(line(), 0..12),
        lengths in proptest::collection::vec(0_usize..20, 0..40),
        limit in 0_usize..50,
    ) {
        let bytes = lines.join(&b'\n');
        prop_assert_eq!(read(cut(&bytes, &lengths), limit), read([bytes], limit));
    }
}

// Found by fuzzing.
#[test]
fn a_line_that_is_not_utf_8_is_malformed_wherever_the_bytes_are() {
    for bytes in [&b"{\"error\":\"no row\",\"x\":\"\xce\"}"[..], b"{\"name\":\"a\",\"value\":1,\"\xff\":0}"] {
        assert_eq!(read([bytes.to_vec()], 40), [Err("line 1 is malformed".to_owned())]);
    }
}

#[test]
fn a_malformed_entry_is_an_error_in_its_position() {
    let bytes = [
        &b"{\"name\":\"a\",\"value\":1}\n\n"[..],
        b"{\"name\":\"\xff\",\"value\":1}\n",
        b"{ \"error\" : \"no row\" }\r\n",
        b"{\"error\":7}\n",
        b"{\"name\":",
        b"\n",
        b"{\"name\":\"much too long for the limit of this test\",\"value\":1}\n",
        b"{\"value\":null,\"name\":\"last\"}",
    ]
    .concat();
    let row = |name: &str, value| Ok(Row { name: name.to_owned(), value });
    let error = |text: &str| Err(text.to_owned());
    let expected = vec![
        row("a", Some(1)),
        error("line 3 is malformed"),
        error("no row"),
        error("line 5 is malformed"),
        error("line 6 is malformed"),
        error("line 7 is longer than 40 bytes"),
        row("last", None),
    ];
    assert_eq!(read([bytes.clone()], 40), expected);
    assert_eq!(read(bytes.chunks(1).map(<[u8]>::to_vec), 40), expected);
}

#[test]
fn a_failed_source_is_the_last_entry_and_its_partial_line_is_discarded() {
    let pieces = stream::iter([Ok("1\n2\n3"), Err(io::Error::other("gone")), Ok("4\n")]);
    let mut entries = pin!(JsonEntries::<_, u32, String>::new(pieces));
    let mut next = || entries.next().now_or_never().expect("nothing to wait for").map(comparable);
    assert_eq!(next(), Some(Ok(1)));
    assert_eq!(next(), Some(Ok(2)));
    assert_eq!(next(), Some(Err("stream failed after line 2".to_owned())));
    assert_eq!(next(), None);
}

#[test]
fn ready_entries_share_a_chunk_and_a_single_one_is_sent_at_once() {
    let (rows, mut source) = mpsc::unbounded_channel::<Result<u32, String>>();
    let mut lines = JsonLines::new(stream::poll_fn(move |cx| source.poll_recv(cx)));
    let mut chunk = || lines.next().now_or_never();
    assert_eq!(chunk(), None, "no entry yet");
    rows.send(Ok(1)).expect("it is open");
    assert_eq!(chunk(), Some(Some(Bytes::from("1\n"))));
    for row in [Ok(2), Err("none".to_owned()), Ok(4)] {
        rows.send(row).expect("it is open");
    }
    assert_eq!(chunk(), Some(Some(Bytes::from("2\n{\"error\":\"none\"}\n4\n"))));
    assert_eq!(chunk(), None);
    drop(rows);
    assert_eq!(chunk(), Some(None));
}

#[test]
fn at_most_one_chunk_is_taken_from_the_source() {
    let mut taken = 0;
    let rows = stream::iter((0_u64..).inspect(|_| taken += 1).map(Ok::<_, String>));
    let mut lines = JsonLines::new(rows);
    let chunk = lines.next().now_or_never().expect("all is there").expect("endless");
    assert!((16_384..16_400).contains(&chunk.len()) && chunk.ends_with(b"\n"), "{}", chunk.len());
    drop(lines);
    assert_eq!(taken, chunk.split_inclusive(|byte| *byte == b'\n').count());
}

#[test]
fn a_value_that_cannot_be_serialized_is_an_error_in_its_position() {
    let invalid = BTreeMap::from([(vec![1], 1)]);
    let rows = [Ok(BTreeMap::new()), Ok(invalid), Err("none"), Ok(BTreeMap::new())];
    let chunk = JsonLines::new(stream::iter(rows)).next().now_or_never().flatten().expect("a chunk");
    assert_eq!(chunk, "{}\n{\"error\":\"key must be a string\"}\n{\"error\":\"none\"}\n{}\n");
}

#[tokio::test]
async fn a_response_has_its_content_type() {
    let response = JsonLines::new(stream::iter([Ok::<_, String>(1), Ok(2)])).into_response();
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/x-ndjson");
    assert_eq!(response.into_body().collect().await.expect("it does not fail").to_bytes(), "1\n2\n");
}

#[test]
fn the_adapters_can_be_sent() {
    fn assert_sendable(_: impl Stream + Send + Sync + Unpin) {}
    assert_sendable(JsonLines::new(stream::iter([Ok::<_, String>(1)])));
    assert_sendable(JsonEntries::<_, Row, String>::new(stream::iter([Ok::<_, io::Error>("")])));
}
