//! Bytes of whole lines.

/// The memory of a batch of lines or blocks.
#[derive(Debug, Default)]
pub struct Block {
    /// Never shortened, so that memory is zeroed once and not for each read.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Block {
    /// Returns the bytes that were read.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Empties the block, and keeps its memory.
    pub(crate) fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
    }

    /// Returns at least `min` bytes of memory behind the block's bytes.
    pub(crate) fn spare(&mut self, min: usize) -> &mut [u8] {
        if self.buffer.len() < self.end + min {
            self.buffer.resize(self.end + min, 0);
        }
        &mut self.buffer[self.end..self.end + min]
    }

    /// Counts `count` bytes of the spare memory as read.
    pub(crate) fn extend(&mut self, count: usize) {
        self.end += count;
    }

    /// Copies `bytes` behind the block's bytes.
    pub(crate) fn append(&mut self, bytes: &[u8]) {
        self.spare(bytes.len()).copy_from_slice(bytes);
        self.end += bytes.len();
    }

    /// Removes the first `count` bytes.
    pub(crate) fn skip(&mut self, count: usize) {
        self.start += count;
    }

    /// Removes the bytes from `length` on, and returns them.
    pub(crate) fn split_off(&mut self, length: usize) -> &[u8] {
        let end = std::mem::replace(&mut self.end, self.start + length);
        &self.buffer[self.end..end]
    }
}
