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

/// An entry as it can be compared: what it is, or in which way it is none.
fn told<T, E>(entry: Result<T, EntryError<E>>) -> Result<T, String>
where
    EntryError<E>: std::error::Error,
{
    entry.map_err(|error| error.to_string())
}

/// All entries of these bytes, pushed in these pieces.
fn read(pieces: impl IntoIterator<Item = Vec<u8>>, limit: usize) -> Vec<Result<Row, String>> {
    let pieces = stream::iter(pieces.into_iter().map(Ok::<_, io::Error>));
    let entries = JsonEntries::<_, Row, String>::new(pieces).max_line_bytes(limit);
    entries.map(told).collect::<Vec<_>>().now_or_never().expect("nothing to wait for")
}

/// Cut at each of these places, as far as they are in it.
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
        // Good entries, errors, and what is neither.
        ("\\PC{0,12}", any::<Option<i64>>())
            .prop_map(|(name, value)| serde_json::to_vec(&Row { name, value }).expect("it is JSON")),
        "\\PC{0,12}".prop_map(|error| serde_json::json!({ "error": error }).to_string().into_bytes()),
        proptest::collection::vec(any::<u8>(), 0..60),
        Just(b" \r".to_vec()),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read_however_it_was_cut(
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
    fn any_bytes_are_the_same_entries_however_they_were_cut(
        lines in proptest::collection::vec(line(), 0..12),
        lengths in proptest::collection::vec(0_usize..20, 0..40),
        limit in 0_usize..50,
    ) {
        let bytes = lines.join(&b'\n');
        prop_assert_eq!(read(cut(&bytes, &lengths), limit), read([bytes], limit));
    }
}

#[test]
fn an_entry_that_is_none_is_an_error_in_its_place_and_the_next_ones_come() {
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
fn a_source_that_fails_is_the_last_entry_and_its_half_line_none() {
    let pieces = stream::iter([Ok("1\n2\n3"), Err(io::Error::other("gone")), Ok("4\n")]);
    let mut entries = pin!(JsonEntries::<_, u32, String>::new(pieces));
    let mut next = || entries.next().now_or_never().expect("nothing to wait for").map(told);
    assert_eq!(next(), Some(Ok(1)));
    assert_eq!(next(), Some(Ok(2)));
    assert_eq!(next(), Some(Err("stream failed after line 2".to_owned())));
    assert_eq!(next(), None);
}

#[test]
fn entries_that_are_there_share_a_chunk_and_one_that_comes_alone_is_not_held_back() {
    let (rows, mut source) = mpsc::unbounded_channel::<Result<u32, String>>();
    let mut lines = JsonLines::new(stream::poll_fn(move |cx| source.poll_recv(cx)));
    let mut chunk = || lines.next().now_or_never();
    assert_eq!(chunk(), None, "there is nothing yet");
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
fn no_more_is_taken_from_the_source_than_a_chunk_holds() {
    let mut taken = 0;
    let rows = stream::iter((0_u64..).inspect(|_| taken += 1).map(Ok::<_, String>));
    let mut lines = JsonLines::new(rows);
    let chunk = lines.next().now_or_never().expect("all is there").expect("endless");
    assert!((16_384..16_400).contains(&chunk.len()) && chunk.ends_with(b"\n"), "{}", chunk.len());
    drop(lines);
    assert_eq!(taken, chunk.split_inclusive(|byte| *byte == b'\n').count());
}

#[test]
fn a_value_that_cannot_be_written_is_an_error_in_its_place() {
    let refused = BTreeMap::from([(vec![1], 1)]);
    let rows = [Ok(BTreeMap::new()), Ok(refused), Err("none"), Ok(BTreeMap::new())];
    let chunk = JsonLines::new(stream::iter(rows)).next().now_or_never().flatten().expect("a chunk");
    assert_eq!(chunk, "{}\n{\"error\":\"key must be a string\"}\n{\"error\":\"none\"}\n{}\n");
}

#[tokio::test]
async fn as_an_answer_it_says_what_it_is() {
    let response = JsonLines::new(stream::iter([Ok::<_, String>(1), Ok(2)])).into_response();
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/x-ndjson");
    assert_eq!(response.into_body().collect().await.expect("it does not fail").to_bytes(), "1\n2\n");
}

/// What the adapters ask of those around them, and what they are then.
#[test]
fn they_can_be_sent() {
    fn sent(_: impl Stream + Send + Sync + Unpin) {}
    sent(JsonLines::new(stream::iter([Ok::<_, String>(1)])));
    sent(JsonEntries::<_, Row, String>::new(stream::iter([Ok::<_, io::Error>("")])));
}
