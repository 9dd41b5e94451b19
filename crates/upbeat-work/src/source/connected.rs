//! What other pipelines send as a source.

use std::fmt;

use upbeat::BoxError;

use super::{Filled, Source, channel::filled, private::Sealed};
use crate::{OnStop, Outlet, run::Waiting};

/// What comes out of a connection.
pub struct Connected<T> {
    from: Outlet<T>,
    next: u64,
}

impl<T> Connected<T> {
    pub(crate) fn new(from: Outlet<T>) -> Self {
        Self { from, next: 0 }
    }
}

impl<T: Send> Source for Connected<T> {
    type Batch = Vec<T>;

    const SIZE: (usize, usize) = (1, 4096);

    /// Waits for one item, and takes others only as long as they are there. It does not heed a stop that finishes: those that send do, and when
    /// they have ended this one has.
    fn fill(&mut self, batch: &mut Vec<T>, want: usize, waiting: &Waiting) -> Result<Filled, BoxError> {
        let received = waiting.unless_asked(OnStop::Drop, self.from.0.recv_many(batch, want.max(1)))?;
        Ok(filled(&mut self.next, batch, want, received != Some(0)))
    }

    fn close(&mut self) -> bool {
        true
    }

    fn lost(&mut self) -> u64 {
        self.from.0.close();
        // Until the pipelines in front have no room reserved any more, which they use at once.
        std::iter::from_fn(|| self.from.0.blocking_recv()).count() as u64
    }

    fn clear(batch: &mut Vec<T>) {
        batch.clear();
    }
}

impl<T> Sealed for Connected<T> {}

impl<T> fmt::Debug for Connected<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connected").field("from", &self.from).field("taken", &self.next).finish()
    }
}
