//! Readers as sources, of lines and of blocks of whole lines.

use std::{
    fmt,
    io::{self, Read},
};

use memchr::{memchr, memchr_iter, memrchr};
use upbeat::{BoxError, panic::Panic};

use super::traits::{Feed, Filled, Source};
use crate::pipeline::{batch::Block, control::SourceWait};

/// The bytes that are read at least, so that small batches do not mean small reads.
const MIN_READ: usize = 8 * 1024;

/// The source of [`Pipeline::lines`](crate::Pipeline::lines).
pub struct Lines<R> {
    read: R,
    /// The bytes that were read and, from `at` on, are not in a batch yet.
    rest: Vec<u8>,
    at: usize,
    /// The number of the next line.
    next: u64,
    skip: u64,
    ended: bool,
    /// An error of the reader, which is returned after the lines before it.
    error: Option<BoxError>,
}

impl<R> Lines<R> {
    pub(crate) fn new(read: R) -> Self {
        Self { read, rest: Vec::new(), at: 0, next: 0, skip: 0, ended: false, error: None }
    }

    pub(crate) fn skip(&mut self, lines: u64) {
        self.skip = self.skip.saturating_add(lines);
    }
}

/// Returns the length of whole lines at the start of `bytes`: about `want`, and at least one line.
///
/// It is `None` if there is no whole line.
fn whole_lines(bytes: &[u8], want: usize) -> Option<usize> {
    let (head, tail) = bytes.split_at(want.min(bytes.len()));
    match memrchr(b'\n', head) {
        Some(at) => Some(at + 1),
        None => Some(head.len() + memchr(b'\n', tail)? + 1),
    }
}

impl<R: Read> Lines<R> {
    /// Reads once, and returns the number of bytes.
    fn read_some(&mut self, block: &mut Block, want: usize) -> usize {
        let into = block.spare(want.max(MIN_READ));
        let read = loop {
            match Panic::catch(|| self.read.read(into)) {
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(read) => break read.map_err(BoxError::from),
                Err(panic) => break Err(panic.into()),
            }
        };
        match read {
            Ok(count) => {
                // A faulty reader may return more than there was space for.
                let count = count.min(into.len());
                self.ended = count == 0;
                block.extend(count);
                count
            }
            Err(error) => {
                self.error = Some(error);
                0
            }
        }
    }

    /// Fills an empty block with whole lines.
    fn take(&mut self, block: &mut Block, want: usize) {
        let rest = &self.rest[self.at..];
        if let Some(end) = whole_lines(rest, want) {
            block.append(&rest[..end]);
            self.at += end;
            return;
        }
        block.append(rest);
        self.rest.clear();
        self.at = 0;
        let end = loop {
            let searched = block.bytes().len();
            if self.read_some(block, want) == 0 {
                // The last line needs no end, unless an error has cut it.
                break if self.error.is_some() { 0 } else { block.bytes().len() };
            }
            if let Some(end) = whole_lines(&block.bytes()[searched..], want.saturating_sub(searched)) {
                break searched + end;
            }
        };
        self.rest.extend_from_slice(block.split_off(end));
    }
}

impl<R: Read + Send> Source for Lines<R> {
    type Batch = Block;
}

impl<R: Read + Send> Feed<Block> for Lines<R> {
    const SIZE: (usize, usize) = (4 * 1024, 64 * 1024);

    fn fill(&mut self, block: &mut Block, want: usize, _: &SourceWait) -> Result<Filled, BoxError> {
        block.clear();
        if !self.ended && self.error.is_none() {
            self.take(block, want);
        }
        while self.skip > 0 && !block.bytes().is_empty() {
            self.skip -= 1;
            self.next += 1;
            let line = memchr(b'\n', block.bytes()).map_or(block.bytes().len(), |at| at + 1);
            block.skip(line);
        }
        let bytes = block.bytes();
        if bytes.is_empty()
            && let Some(error) = self.error.take()
        {
            self.ended = true;
            return Err(error);
        }
        let unended = bytes.last().is_some_and(|&last| last != b'\n');
        let items = memchr_iter(b'\n', bytes).count() as u64 + u64::from(unended);
        let first = self.next;
        self.next += items;
        // A read returns the bytes at hand. If a pipe or a socket returns less than was wanted, it
        // is slower than the pipeline.
        let slow = bytes.len() < want / 2;
        Ok(Filled { first, items, size: bytes.len(), more: !self.ended, slow })
    }

    fn clear(block: &mut Block) {
        block.clear();
    }
}

impl<R> fmt::Debug for Lines<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").field("taken", &self.next).finish_non_exhaustive()
    }
}

/// The source of [`Pipeline::blocks`](crate::Pipeline::blocks).
#[derive(Debug)]
pub struct Blocks<R>(Lines<R>);

impl<R> Blocks<R> {
    pub(crate) fn new(read: R) -> Self {
        Self(Lines::new(read))
    }

    pub(crate) fn skip(&mut self, lines: u64) {
        self.0.skip(lines);
    }
}

impl<R: Read + Send> Source for Blocks<R> {
    type Batch = Block;
}

impl<R: Read + Send> Feed<Block> for Blocks<R> {
    const SIZE: (usize, usize) = Lines::<R>::SIZE;

    fn fill(&mut self, block: &mut Block, want: usize, waiting: &SourceWait) -> Result<Filled, BoxError> {
        self.0.fill(block, want, waiting)
    }

    fn clear(block: &mut Block) {
        block.clear();
    }
}
