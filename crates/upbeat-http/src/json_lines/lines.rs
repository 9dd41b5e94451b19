use bytes::{Buf as _, Bytes, BytesMut};

/// Cuts bytes into lines, wherever they were cut before.
#[derive(Debug)]
pub(super) struct Lines {
    /// What was pushed and not yet taken.
    bytes: BytesMut,
    /// So much of it holds no end of a line.
    searched: usize,
    /// The rest of a line that was too long is not wanted.
    skipping: bool,
    pub(super) limit: usize,
    /// How many lines were found.
    pub(super) found: u64,
}

#[derive(Debug)]
pub(super) enum Line {
    /// Without its end, and not blank.
    Whole(Bytes),
    TooLong,
}

impl Lines {
    pub(super) fn new(limit: usize) -> Self {
        Self { bytes: BytesMut::new(), searched: 0, skipping: false, limit, found: 0 }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next line of what was pushed. A last one without an end is not found: somebody may push more of it.
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
            if line.len() > self.limit {
                return Some(Line::TooLong);
            }
            if !line.trim_ascii().is_empty() {
                return Some(Line::Whole(line.freeze()));
            }
        }
    }

    /// Tells of a line that is too long as soon as that is known, so that no more than the limit is kept of it.
    fn unfinished(&mut self) -> Option<Line> {
        let too_long = self.bytes.len() > self.limit && !self.skipping;
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

    /// The end of the bytes is the end of a line too.
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
