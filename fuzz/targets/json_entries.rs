//! `JsonEntries`: the entries do not depend on the pieces, agree with a decoder of whole lines, and
//! are the same after they were written by `JsonLines`.

#![no_main]

use std::{io, pin::pin, task::Context};

use futures_util::{Stream, StreamExt as _, stream, task::noop_waker};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use upbeat_fuzz::{Pieces, seed_and_input};
use upbeat_http::{EntryError, JsonEntries, JsonLines};

const MAX_LINE_BYTES: usize = 64;

/// An entry, or an error without its text.
#[derive(Clone, Debug, PartialEq)]
enum Entry {
    Value(Value),
    Reported(Value),
    Malformed(u64),
    TooLong(u64),
}

/// Returns all items of a stream that is always ready.
fn items<S: Stream>(stream: S) -> Vec<S::Item> {
    let mut all = pin!(stream.collect::<Vec<_>>());
    match all.as_mut().poll(&mut Context::from_waker(&noop_waker())) {
        std::task::Poll::Ready(items) => items,
        std::task::Poll::Pending => panic!("the source is always ready"),
    }
}

fn read<B: AsRef<[u8]>>(pieces: impl IntoIterator<Item = B>) -> Vec<Entry> {
    let source = stream::iter(pieces.into_iter().map(Ok::<_, io::Error>));
    let entries = JsonEntries::<_, Value, Value>::new(source).max_line_bytes(MAX_LINE_BYTES);
    let entry = |entry| match entry {
        Ok(value) => Entry::Value(value),
        Err(EntryError::Reported(error)) => Entry::Reported(error),
        Err(EntryError::Malformed { line, .. }) => Entry::Malformed(line),
        Err(EntryError::TooLong { line, limit: MAX_LINE_BYTES }) => Entry::TooLong(line),
        Err(other) => panic!("unexpected: {other}"),
    };
    items(entries).into_iter().map(entry).collect()
}

/// Decodes whole lines.
fn decode(bytes: &[u8]) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        if line.len() > MAX_LINE_BYTES {
            entries.push(Entry::TooLong(number));
        } else if !line.trim_ascii().is_empty() {
            let is_error = line.trim_ascii_start().strip_prefix(b"{").is_some_and(|line| {
                let key = line.trim_ascii_start().strip_prefix(b"\"error\"");
                key.is_some_and(|rest| rest.trim_ascii_start().starts_with(b":"))
            });
            entries.push(match serde_json::from_slice::<Value>(line) {
                // With a second key of that name the type is not that of an error.
                Ok(_) if is_error && String::from_utf8_lossy(line).matches("error").count() > 1 => continue,
                Ok(mut value) if is_error => Entry::Reported(value["error"].take()),
                Ok(value) => Entry::Value(value),
                Err(_) => Entry::Malformed(number),
            });
        }
    }
    entries
}

fuzz_target!(|data: &[u8]| {
    let (seed, bytes) = seed_and_input(data);
    let whole = read([bytes]);
    assert_eq!(read(Pieces::new(bytes, seed)), whole);
    let decoded = decode(bytes);
    assert!(decoded.iter().all(|entry| whole.contains(entry)), "{decoded:?} is not in {whole:?}");

    // Written and read again, values and reported errors are the same, unless a line is too long.
    let is_sent = |entry: &&Entry| match entry {
        // A value whose first key is `error` is read as an error.
        Entry::Value(value) => value.as_object().is_none_or(|map| map.keys().next().is_none_or(|key| key != "error")),
        Entry::Reported(_) => true,
        Entry::Malformed(_) | Entry::TooLong(_) => false,
    };
    let sent: Vec<_> = whole.iter().filter(is_sent).collect();
    let results = sent.iter().map(|entry| match entry {
        Entry::Reported(error) => Err(error),
        Entry::Value(value) => Ok(value),
        Entry::Malformed(_) | Entry::TooLong(_) => unreachable!("they are left out"),
    });
    let received = read(items(JsonLines::new(stream::iter(results))));
    assert_eq!(received.len(), sent.len());
    for (received, sent) in received.iter().zip(sent) {
        assert!(received == sent || matches!(received, Entry::TooLong(_)), "{received:?} is not {sent:?}");
    }
});
