use http_body::Body;
use memchr::memchr;

/// The position of an HTTP/1 client within its requests, by the bytes that have arrived.
///
/// The engine tells neither where a head ends nor whether a body is complete, and both have bounds.
/// This follows the framing alone. The engine decides what is valid, and closes the connection on
/// what is not.
#[derive(Debug)]
pub(super) struct Inbound {
    position: Position,
    /// Bytes behind a head that the engine has not parsed yet.
    ahead: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Position {
    Head(HeadPosition),
    /// Behind a head. The engine is about to parse it, or still serves the request before it.
    HeadEnd,
    /// In a body of which this many bytes are left.
    Sized(u64),
    Chunked(ChunkPosition),
    /// The bytes are no requests, or the rest of them does not matter.
    Ignored,
}

/// The position in a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HeadPosition {
    /// No byte of it has arrived.
    Before,
    /// In the empty lines that may precede a head.
    EmptyLines,
    InLine,
    /// Behind the end of a line.
    LineStart,
    /// Behind a carriage return at the start of a line.
    LineStartCr,
}

/// The position in a chunked body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ChunkPosition {
    /// In the digits of a chunk's size.
    Size(u64),
    /// In the rest of the line of a chunk's size.
    SizeLine(u64),
    Data(u64),
    /// In the line end after a chunk.
    DataEnd,
    /// At the start of a line behind the last chunk.
    TrailerStart,
    InTrailer,
}

/// The length of a request's body, as its head announces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyFraming {
    None,
    Sized(u64),
    Chunked,
}

impl BodyFraming {
    /// Returns the framing of the body that an engine has made.
    pub(super) fn of<B: Body>(body: &B) -> Self {
        match body.size_hint().exact() {
            _ if body.is_end_stream() => Self::None,
            Some(length) => Self::Sized(length),
            None => Self::Chunked,
        }
    }
}

impl Inbound {
    pub(super) fn new() -> Self {
        Self { position: Position::Head(HeadPosition::Before), ahead: Vec::new() }
    }

    /// Takes the next bytes.
    pub(super) fn follow(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let taken = match &mut self.position {
                Position::Ignored => return,
                Position::HeadEnd => {
                    // The engine reads no further than its buffer, so that these are as bounded.
                    self.ahead.extend_from_slice(bytes);
                    return;
                }
                Position::Head(head) => {
                    let (taken, ended) = head.follow(bytes);
                    if ended {
                        self.position = Position::HeadEnd;
                    }
                    taken
                }
                Position::Sized(left) => {
                    let taken = shorter(bytes, *left);
                    *left -= taken as u64;
                    if *left == 0 {
                        self.position = Position::Head(HeadPosition::Before);
                    }
                    taken
                }
                Position::Chunked(chunk) => {
                    let (taken, ended) = chunk.follow(bytes);
                    if ended {
                        self.position = Position::Head(HeadPosition::Before);
                    }
                    taken
                }
            };
            bytes = bytes.get(taken..).unwrap_or_default();
        }
    }

    /// Records that the engine has parsed a head.
    pub(super) fn begin(&mut self, body: BodyFraming) {
        if self.position == Position::Ignored {
            return;
        }
        self.position = match body {
            BodyFraming::None | BodyFraming::Sized(0) => Position::Head(HeadPosition::Before),
            BodyFraming::Sized(length) => Position::Sized(length),
            BodyFraming::Chunked => Position::Chunked(ChunkPosition::Size(0)),
        };
        if !self.ahead.is_empty() {
            let ahead = std::mem::take(&mut self.ahead);
            self.follow(&ahead);
        }
    }

    /// Stops to follow the bytes.
    pub(super) fn ignore(&mut self) {
        *self = Self { position: Position::Ignored, ahead: Vec::new() };
    }

    /// Returns whether the rest of a request's body is still to come.
    pub(super) fn is_in_body(&self) -> bool {
        matches!(self.position, Position::Sized(_) | Position::Chunked(_))
    }

    /// Returns whether a byte of the next head has arrived.
    pub(super) fn is_in_head(&self) -> bool {
        match self.position {
            Position::Head(head) => head != HeadPosition::Before,
            Position::HeadEnd => true,
            _ => false,
        }
    }

    /// Returns whether the client is between two requests.
    pub(super) fn is_at_boundary(&self) -> bool {
        self.position == Position::Head(HeadPosition::Before)
    }
}

impl HeadPosition {
    /// Returns how many bytes belong to the head, and whether its end is among them.
    fn follow(&mut self, bytes: &[u8]) -> (usize, bool) {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            match (*self, byte) {
                (Self::InLine, _) => {
                    let Some(end) = memchr(b'\n', &bytes[at..]) else { return (bytes.len(), false) };
                    at += end;
                    *self = Self::LineStart;
                }
                (Self::Before | Self::EmptyLines, b'\r' | b'\n') => *self = Self::EmptyLines,
                (Self::LineStart, b'\r') => *self = Self::LineStartCr,
                (Self::LineStart | Self::LineStartCr, b'\n') => return (at + 1, true),
                (Self::Before | Self::EmptyLines | Self::LineStart | Self::LineStartCr, _) => *self = Self::InLine,
            }
            at += 1;
        }
        (at, false)
    }
}

impl ChunkPosition {
    /// Returns how many bytes belong to the body, and whether its end is among them.
    fn follow(&mut self, bytes: &[u8]) -> (usize, bool) {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            *self = match (*self, byte) {
                (Self::Data(left), _) => {
                    let taken = shorter(&bytes[at..], left);
                    // The loop adds the last one.
                    at += taken - 1;
                    if taken as u64 == left { Self::DataEnd } else { Self::Data(left - taken as u64) }
                }
                (Self::Size(0) | Self::SizeLine(0) | Self::InTrailer, b'\n') | (Self::TrailerStart, b'\r') => {
                    Self::TrailerStart
                }
                (Self::Size(size) | Self::SizeLine(size), b'\n') => Self::Data(size),
                (Self::Size(size), digit) => match char::from(*digit).to_digit(16) {
                    Some(digit) => Self::Size(size.saturating_mul(16).saturating_add(u64::from(digit))),
                    None => Self::SizeLine(size),
                },
                (Self::DataEnd, b'\n') => Self::Size(0),
                (Self::TrailerStart, b'\n') => return (at + 1, true),
                (Self::TrailerStart | Self::InTrailer, _) => Self::InTrailer,
                (stays @ (Self::SizeLine(_) | Self::DataEnd), _) => stays,
            };
            at += 1;
        }
        (at, false)
    }
}

/// Returns the length of the bytes, or `left` if that is less.
fn shorter(bytes: &[u8], left: u64) -> usize {
    usize::try_from(left).map_or(bytes.len(), |left| bytes.len().min(left))
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::Index};

    use super::*;

    /// A request as its bytes, with the framing that an engine finds.
    fn request() -> impl Strategy<Value = (Vec<u8>, Vec<u8>, BodyFraming)> {
        let head = prop_oneof![
            Just(&b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"[..]),
            Just(&b"\r\n\nGET / HTTP/1.1\r\nhost: \rx\r\n\r\n"[..]),
            Just(&b"GET / HTTP/1.1\nhost: x\n\n"[..]),
            Just(&b"GET / HTTP/1.1\nhost: x\n\r\n"[..]),
        ];
        let body = prop_oneof![
            Just((Vec::new(), BodyFraming::None)),
            Just((Vec::new(), BodyFraming::Sized(0))),
            vec(any::<u8>(), 1..40).prop_map(|body| {
                let length = body.len() as u64;
                (body, BodyFraming::Sized(length))
            }),
            (vec(vec(any::<u8>(), 1..40), 0..4), any::<bool>()).prop_map(|(chunks, plain)| {
                let mut body = Vec::new();
                for chunk in chunks {
                    let extension = if plain { "" } else { ";a=\"f\"" };
                    body.extend(format!("{:X}{extension}\r\n", chunk.len()).into_bytes());
                    body.extend(chunk);
                    body.extend(b"\r\n");
                }
                body.extend(if plain { &b"0\r\n\r\n"[..] } else { b"0;b\r\nx-sum: 1\r\ny: 2\r\n\r\n" });
                (body, BodyFraming::Chunked)
            }),
        ];
        (head, body).prop_map(|(head, (body, framing))| (head.to_vec(), body, framing))
    }

    proptest! {
        /// An engine parses a head as soon as it is complete and the body before it has ended.
        #[test]
        fn the_position_is_that_of_the_bytes_however_they_are_split(
            requests in vec(request(), 1..6),
            cuts in vec(any::<Index>(), 0..12),
        ) {
            let bytes: Vec<u8> = requests.iter().flat_map(|(head, body, _)| [&head[..], body].concat()).collect();
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len())).chain([bytes.len()]).collect();
            cuts.sort_unstable();
            let mut inbound = Inbound::new();
            let (mut begun, mut fed) = (0, 0);
            for cut in cuts {
                inbound.follow(&bytes[fed..cut]);
                fed = cut;
                let mut end = 0;
                let mut inside = (false, false);
                for (index, (head, body, framing)) in requests.iter().enumerate() {
                    let start = end;
                    let head_end = start + head.len();
                    end = head_end + body.len();
                    if index >= begun && fed >= head_end {
                        inbound.begin(*framing);
                        begun += 1;
                    }
                    if (start + 1..head_end).contains(&fed) {
                        inside.0 = true;
                    } else if (head_end..end).contains(&fed) {
                        inside.1 = true;
                    }
                }
                prop_assert_eq!((inbound.is_in_head(), inbound.is_in_body()), inside);
                prop_assert_eq!(inbound.is_at_boundary(), inside == (false, false));
                prop_assert!(inbound.ahead.is_empty());
            }
        }

        #[test]
        fn no_bytes_make_it_fail(bytes in vec(vec(any::<u8>(), 0..40), 0..10), framings in vec(0..4_u8, 0..10)) {
            let mut inbound = Inbound::new();
            let mut framings = framings.into_iter();
            for part in bytes {
                inbound.follow(&part);
                match framings.next() {
                    Some(0) => inbound.begin(BodyFraming::None),
                    Some(1) => inbound.begin(BodyFraming::Sized(20)),
                    Some(2) => inbound.begin(BodyFraming::Chunked),
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn a_head_behind_a_request_in_flight_is_found_later() {
        let mut inbound = Inbound::new();
        inbound.follow(b"POST / HTTP/1.1\r\ncontent-length: 1\r\n\r\nxGET /a HTTP/1.1\r\n\r\nGET");
        inbound.begin(BodyFraming::Sized(1));
        assert!(inbound.is_in_head() && !inbound.is_in_body());
        inbound.begin(BodyFraming::None);
        assert!(inbound.is_in_head());
        inbound.ignore();
        inbound.follow(&[b'x'; 1000]);
        inbound.begin(BodyFraming::Chunked);
        assert!(inbound.ahead.is_empty() && !inbound.is_at_boundary());
    }
}
