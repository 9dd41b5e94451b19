//! The first bytes of a connection and the frames of a WebSocket: the trackers agree with a simple
//! model, however the bytes are cut.

#![no_main]

use libfuzzer_sys::fuzz_target;
use upbeat_fuzz::{Pieces, seed_and_input};

#[path = "../../crates/upbeat-http/src/http/transport/preface.rs"]
mod preface;
#[expect(dead_code, reason = "the server uses all of it")]
#[path = "../../crates/upbeat-http/src/http/transport/websocket.rs"]
mod websocket;

use preface::{FirstBytes, Opening};
use websocket::Frames;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

fn first_bytes(bytes: &[u8]) -> FirstBytes {
    if bytes.starts_with(PREFACE) {
        FirstBytes::Http2
    } else if !PREFACE.starts_with(bytes) {
        FirstBytes::Http1
    } else if bytes.len() < 3 {
        FirstBytes::Unclear
    } else {
        FirstBytes::PartOfPreface
    }
}

/// Returns whether the preface and one whole frame are there.
fn is_open(bytes: &[u8]) -> bool {
    let Some(&[a, b, c, ..]) = bytes.get(24..33) else { return false };
    bytes.len() >= 33 + usize::from(a) * 65_536 + usize::from(b) * 256 + usize::from(c)
}

/// Returns the number of bytes after the last whole frame, and whether one of the heads is that of
/// a close frame.
fn frames(mut bytes: &[u8]) -> (usize, bool) {
    let mut closed = false;
    loop {
        let Some(&[first, second]) = bytes.get(..2) else { return (bytes.len(), closed) };
        let extended = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let head = 2 + extended + if second & 0x80 == 0 { 0 } else { 4 };
        if bytes.len() < head {
            return (bytes.len(), closed);
        }
        closed |= first & 0x0f == 8;
        let length = match extended {
            0 => u64::from(second & 0x7f),
            _ => bytes[2..2 + extended].iter().fold(0, |length, byte| length << 8 | u64::from(*byte)),
        };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        match bytes.get(head..).and_then(|payload| payload.get(length..)) {
            Some(rest) => bytes = rest,
            None => return (bytes.len(), closed),
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let (seed, bytes) = seed_and_input(data);
    assert_eq!(FirstBytes::classify(bytes), first_bytes(bytes));

    let mut opening = Opening::default();
    let opened = Pieces::new(bytes, seed).any(|piece| opening.follow(piece));
    assert_eq!(opened, is_open(bytes));

    let mut tracker = Frames::default();
    for piece in Pieces::new(bytes, seed) {
        let rest = tracker.rest_of_frame(piece);
        assert!(rest <= piece.len() && rest > 0);
        tracker.follow(piece);
    }
    let (left, closed) = frames(bytes);
    assert_eq!((tracker.at_boundary(), tracker.has_closed()), (left == 0, closed));
});
