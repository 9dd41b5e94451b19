//! A channel as a source.

use std::{fmt, sync::mpsc};

use upbeat::BoxError;

use super::{Filled, Source, private::Sealed};

/// What comes out of a channel.
pub struct Received<T> {
    from: mpsc::Receiver<T>,
    next: u64,
}

impl<T> Received<T> {
    pub(crate) fn new(from: mpsc::Receiver<T>) -> Self {
        Self { from, next: 0 }
    }
}

impl<T: Send> Source for Received<T> {
    type Batch = Vec<T>;

    const SIZE: (usize, usize) = (1, 4096);

    /// Waits for one item, and takes others only as long as they are there.
    fn fill(&mut self, batch: &mut Vec<T>, want: usize) -> Result<Filled, BoxError> {
        let first = self.next;
        let mut more = true;
        match self.from.recv() {
            Ok(item) => batch.push(item),
            Err(mpsc::RecvError) => more = false,
        }
        while more && batch.len() < want {
            match self.from.try_recv() {
                Ok(item) => batch.push(item),
                Err(mpsc::TryRecvError::Empty) => break,
                Err(mpsc::TryRecvError::Disconnected) => more = false,
            }
        }
        let items = batch.len() as u64;
        self.next += items;
        Ok(Filled { first, items, size: batch.len(), more, slow: batch.len() < want })
    }

    fn clear(batch: &mut Vec<T>) {
        batch.clear();
    }
}

impl<T> Sealed for Received<T> {}

impl<T> fmt::Debug for Received<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received").field("taken", &self.next).finish_non_exhaustive()
    }
}
