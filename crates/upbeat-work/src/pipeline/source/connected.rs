//! A connection as a source.

use std::{fmt, vec};

use tokio::sync::mpsc::error::TryRecvError;
use upbeat::BoxError;

use super::traits::{Feed, Filled, Source};
use crate::pipeline::{connection::ConnectionReceiver, control::SourceWait, options::OnStop};

/// The source of [`Pipeline::from_connection`](crate::Pipeline::from_connection).
pub struct Connected<T> {
    from: ConnectionReceiver<T>,
    /// Items that were sent together, and are not taken yet.
    rest: vec::IntoIter<T>,
    next: u64,
}

impl<T> Connected<T> {
    pub(crate) fn new(from: ConnectionReceiver<T>) -> Self {
        Self { from, rest: Vec::new().into_iter(), next: 0 }
    }
}

impl<T: Send> Source for Connected<T> {
    type Batch = Vec<T>;
}

impl<T: Send> Feed<Vec<T>> for Connected<T> {
    const SIZE: (usize, usize) = (1, 4096);

    /// Waits for one item, and takes others only as long as they are at hand.
    ///
    /// It does not heed a stop that finishes: the senders do, and it ends when they have ended.
    fn fill(&mut self, batch: &mut Vec<T>, want: usize, waiting: &SourceWait) -> Result<Filled, BoxError> {
        let mut more = true;
        loop {
            batch.extend(self.rest.by_ref().take(want.max(1) - batch.len()));
            if batch.len() >= want.max(1) {
                break;
            }
            let received = match self.from.from.try_recv() {
                Err(TryRecvError::Empty) if batch.is_empty() => {
                    waiting.until_stop(OnStop::Drop, self.from.from.recv())?
                }
                Err(TryRecvError::Empty) => break,
                received => Some(received.ok()),
            };
            match received {
                Some(Some(items)) => self.rest = items.into_iter(),
                Some(None) => {
                    more = false;
                    break;
                }
                None => break,
            }
        }
        self.from.permits.add_permits(batch.len());
        Ok(Filled::of_items(&mut self.next, batch, more, batch.len() < want.max(1)))
    }

    fn close(&mut self) -> bool {
        true
    }

    fn lost(&mut self) -> u64 {
        self.from.close();
        let mut lost = std::mem::take(&mut self.rest).len();
        // A sender that has a permit already may still send.
        while let Some(items) = self.from.from.blocking_recv() {
            lost += items.len();
        }
        lost as u64
    }

    fn clear(batch: &mut Vec<T>) {
        batch.clear();
    }
}

impl<T> fmt::Debug for Connected<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connected").field("from", &self.from).field("taken", &self.next).finish_non_exhaustive()
    }
}
