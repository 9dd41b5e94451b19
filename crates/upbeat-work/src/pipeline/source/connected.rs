//! What other pipelines send as a source.

use std::{fmt, vec};

use tokio::sync::mpsc::error::TryRecvError;
use upbeat::BoxError;

use super::traits::{Filled, Source, filled, private::Sealed};
use crate::pipeline::{connection::ConnectionReceiver, control::SourceWait, options::OnStop};

/// What comes out of a connection.
pub struct Connected<T> {
    from: ConnectionReceiver<T>,
    /// What was sent together and has not been taken.
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

    const SIZE: (usize, usize) = (1, 4096);

    /// Waits for one item, and takes others only as long as they are there. It does not heed a stop that finishes: those that send do, and when
    /// they have ended this one has.
    fn fill(&mut self, batch: &mut Vec<T>, want: usize, waiting: &SourceWait) -> Result<Filled, BoxError> {
        let (want, mut more) = (want.max(1), true);
        loop {
            batch.extend(self.rest.by_ref().take(want - batch.len()));
            if batch.len() >= want {
                break;
            }
            let received = match self.from.from.try_recv() {
                Err(TryRecvError::Empty) if batch.is_empty() => {
                    waiting.unless_asked(OnStop::Drop, self.from.from.recv())?
                }
                Err(TryRecvError::Empty) => break,
                received => Some(received.ok()),
            };
            match received {
                Some(Some(came)) => self.rest = came.into_iter(),
                Some(None) => {
                    more = false;
                    break;
                }
                None => break,
            }
        }
        self.from.room.add_permits(batch.len());
        Ok(filled(&mut self.next, batch, want, more))
    }

    fn close(&mut self) -> bool {
        true
    }

    fn lost(&mut self) -> u64 {
        self.from.close();
        let mut lost = std::mem::take(&mut self.rest).len();
        // Until nobody is about to send any more.
        while let Some(came) = self.from.from.blocking_recv() {
            lost += came.len();
        }
        lost as u64
    }

    fn clear(batch: &mut Vec<T>) {
        batch.clear();
    }
}

impl<T> Sealed for Connected<T> {}

impl<T> fmt::Debug for Connected<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connected").field("from", &self.from).field("taken", &self.next).finish_non_exhaustive()
    }
}
