//! Bytes of whole lines.

/// Bytes that are whole lines.
#[derive(Debug, Default)]
pub struct Block {
    /// As long as it ever was, so that it is zeroed once and not for every read.
    pub(crate) bytes: Vec<u8>,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Block {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    pub(crate) fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
    }

    pub(crate) fn spare(&mut self, least: usize) -> &mut [u8] {
        if self.bytes.len() < self.end + least {
            self.bytes.resize(self.end + least, 0);
        }
        &mut self.bytes[self.end..self.end + least]
    }

    pub(crate) fn append(&mut self, bytes: &[u8]) {
        self.spare(bytes.len()).copy_from_slice(bytes);
        self.end += bytes.len();
    }
}
