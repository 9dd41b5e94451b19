use bytes::{Buf as _, Bytes, BytesMut};

/// A splitter of bytes into lines, independent of the chunks.
#[derive(Debug)]
pub(super) struct Lines {
    /// The bytes that were pushed and not yet taken.
    bytes: BytesMut,
    /// The length of the prefix that contains no line end.
    searched: usize,
    /// The rest of a line that is too long is discarded.
    skipping: bool,
    pub(super) max_line_bytes: usize,
    /// The number of lines found.
    pub(super) found: u64,
}

#[derive(Debug)]
pub(super) enum Line {
    /// A line without its end, not blank.
    Complete(Bytes),
    TooLong,
}

impl Lines {
    pub(super) fn new(max_line_bytes: usize) -> Self {
        Self { bytes: BytesMut::new(), searched: 0, skipping: false, max_line_bytes, found: 0 }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Returns the next line. A line without an end is not returned, because more of it may be
    /// pushed.
    pub(super) fn next(&mut self) -> Option<Line> {
        loop {
            let Some(end) = self.bytes[self.searched..].iter().position(|byte| *byte == b'\n') else {
                return self.unfinished();
            };
            let line = self.bytes.split_to(self.searched + end);
            self.bytes.advance(1);
            self.searched = 0;
            if std::mem::take(&mut self.skipping) {
                continue;
            }
            self.found += 1;
            if line.len() > self.max_line_bytes {
                return Some(Line::TooLong);
            }
            if !line.trim_ascii().is_empty() {
                return Some(Line::Complete(line.freeze()));
            }
        }
    }

    /// Reports a line that is too long at once, so that no more than the limit is kept of it.
    fn unfinished(&mut self) -> Option<Line> {
        let too_long = self.bytes.len() > self.max_line_bytes && !self.skipping;
        if too_long {
            self.skipping = true;
            self.found += 1;
        }
        if self.skipping {
            self.bytes.clear();
        }
        self.searched = self.bytes.len();
        too_long.then_some(Line::TooLong)
    }

    /// Ends the last line at the end of the bytes.
    pub(super) fn finish(&mut self) {
        if self.skipping || !self.bytes.is_empty() {
            self.bytes.extend_from_slice(b"\n");
        }
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.searched = 0;
    }
}
