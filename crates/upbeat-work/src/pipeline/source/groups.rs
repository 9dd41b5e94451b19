//! Groups of an iterator's items.

use std::fmt;

/// An iterator of groups of the same length. Only the last group may be shorter.
pub struct Groups<I> {
    iter: I,
    length: usize,
    ended: bool,
}

impl<I> Groups<I> {
    pub(crate) fn new(iter: I, length: usize) -> Self {
        Self { iter, length: length.max(1), ended: false }
    }
}

impl<I: Iterator> Iterator for Groups<I> {
    type Item = Vec<I::Item>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let group: Vec<_> = self.iter.by_ref().take(self.length).collect();
        // An iterator that has ended is not called again: it need not be fused.
        self.ended = group.len() < self.length;
        (!group.is_empty()).then_some(group)
    }
}

impl<I> fmt::Debug for Groups<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Groups").field("length", &self.length).finish_non_exhaustive()
    }
}
