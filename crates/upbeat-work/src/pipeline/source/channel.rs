//! Channels as sources.

use std::{
    fmt,
    sync::mpsc::{self as blocking, RecvTimeoutError},
    time::Duration,
};

use tokio::sync::mpsc::{self, error::TryRecvError};
use upbeat::BoxError;

use super::traits::{Feed, Filled, Source};
use crate::pipeline::{control::SourceWait, options::OnStop};

/// The interval at which the wait for a channel of the standard library checks for a stop. Such a
/// channel cannot be waited for together with anything else.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// The source of [`Pipeline::from_receiver`](crate::Pipeline::from_receiver).
pub struct Received<T> {
    from: blocking::Receiver<T>,
    next: u64,
    is_closed: bool,
}

impl<T> Received<T> {
    pub(crate) fn new(from: blocking::Receiver<T>) -> Self {
        Self { from, next: 0, is_closed: false }
    }

    /// Returns the next item, or whether one may follow later.
    fn wait(&self, waiting: &SourceWait) -> Result<T, bool> {
        loop {
            let received = if self.is_closed {
                self.from.try_recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                self.from.recv_timeout(CHECK_INTERVAL)
            };
            match received {
                Ok(item) => return Ok(item),
                Err(RecvTimeoutError::Disconnected) => return Err(false),
                Err(RecvTimeoutError::Timeout) if waiting.is_over(OnStop::Finish) => return Err(true),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

impl<T: Send> Source for Received<T> {
    type Batch = Vec<T>;
}

impl<T: Send> Feed<Vec<T>> for Received<T> {
    const SIZE: (usize, usize) = (1, 4096);

    /// Waits for one item, and takes others only as long as they are at hand.
    fn fill(&mut self, batch: &mut Vec<T>, want: usize, waiting: &SourceWait) -> Result<Filled, BoxError> {
        let more = match self.wait(waiting) {
            Ok(item) => {
                batch.push(item);
                batch.extend(self.from.try_iter().take(want.saturating_sub(1)));
                true
            }
            Err(more) => more,
        };
        Ok(Filled::of_items(&mut self.next, batch, more, batch.len() < want))
    }

    fn close(&mut self) -> bool {
        self.is_closed = true;
        true
    }

    fn lost(&mut self) -> u64 {
        self.from.try_iter().count() as u64
    }

    fn clear(batch: &mut Vec<T>) {
        batch.clear();
    }
}

impl<T> fmt::Debug for Received<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received").field("taken", &self.next).finish_non_exhaustive()
    }
}

/// The source of [`Pipeline::from_channel`](crate::Pipeline::from_channel).
pub struct Channel<T> {
    from: mpsc::Receiver<T>,
    next: u64,
}

impl<T> Channel<T> {
    pub(crate) fn new(from: mpsc::Receiver<T>) -> Self {
        Self { from, next: 0 }
    }
}

impl<T: Send> Source for Channel<T> {
    type Batch = Vec<T>;
}

impl<T: Send> Feed<Vec<T>> for Channel<T> {
    const SIZE: (usize, usize) = (1, 4096);

    /// Waits for one item, and takes others only as long as they are at hand.
    fn fill(&mut self, batch: &mut Vec<T>, want: usize, waiting: &SourceWait) -> Result<Filled, BoxError> {
        // A closed channel ends by itself, once all permits for it are used or dropped.
        let heeded = if self.from.is_closed() { OnStop::Drop } else { OnStop::Finish };
        let mut more = true;
        while batch.len() < want.max(1) {
            let received = match self.from.try_recv() {
                Err(TryRecvError::Empty) if batch.is_empty() => waiting.until_stop(heeded, self.from.recv())?,
                Err(TryRecvError::Empty) => break,
                received => Some(received.ok()),
            };
            match received {
                Some(Some(item)) => batch.push(item),
                Some(None) => {
                    more = false;
                    break;
                }
                None => break,
            }
        }
        Ok(Filled::of_items(&mut self.next, batch, more, batch.len() < want))
    }

    fn close(&mut self) -> bool {
        self.from.close();
        true
    }

    fn lost(&mut self) -> u64 {
        self.from.close();
        std::iter::from_fn(|| self.from.try_recv().ok()).count() as u64
    }

    fn clear(batch: &mut Vec<T>) {
        batch.clear();
    }
}

impl<T> fmt::Debug for Channel<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("taken", &self.next).finish_non_exhaustive()
    }
}
