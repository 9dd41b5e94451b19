//! The section in front as a source.

use std::{fmt, sync::Arc, vec};

use tokio::sync::mpsc::{Receiver, error::TryRecvError};
use upbeat::BoxError;

use super::traits::{Feed, Filled, Source};
use crate::pipeline::{
    batch::Forwarded,
    control::{Sections, SourceWait, StopHandle},
    meter::LinkFill,
    options::OnStop,
    stage::SharedName,
};

/// Finished sections, and the receiver of the items that leave the last of them.
pub(crate) struct Front<'a, T> {
    pub(crate) from: Receiver<Vec<Forwarded<T>>>,
    pub(crate) sections: Sections<'a>,
    pub(crate) fill: Arc<LinkFill>,
    /// Ends the last of them.
    pub(crate) stop: StopHandle,
}

/// The source of a section behind a [split](crate::Pipeline::split) or behind futures.
pub struct Split<'a, T> {
    from: Receiver<Vec<Forwarded<T>>>,
    /// The rest of a batch that was larger than wanted: a section with costly stages takes few
    /// items at a time.
    rest: vec::IntoIter<Forwarded<T>>,
    next: u64,
    sections: Sections<'a>,
    fill: Arc<LinkFill>,
    /// Ends the section in front, which may wait for an idle source.
    front: StopHandle,
    /// The name of the stage in front, if it is asynchronous.
    name: Option<SharedName>,
}

impl<'a, T> Split<'a, T> {
    pub(crate) fn new(front: Front<'a, T>, name: Option<SharedName>) -> Self {
        let Front { from, sections, fill, stop } = front;
        Self { from, rest: Vec::new().into_iter(), next: 0, sections, fill, front: stop, name }
    }

    /// Adds received items to a batch, as far as they are wanted.
    fn take(&mut self, mut received: Vec<Forwarded<T>>, batch: &mut Vec<Forwarded<T>>, want: usize) {
        if batch.is_empty() && received.len() <= want {
            // No item is moved.
            std::mem::swap(batch, &mut received);
        } else {
            self.rest = received.into_iter();
            self.take_rest(batch, want);
        }
    }

    fn take_rest(&mut self, batch: &mut Vec<Forwarded<T>>, want: usize) {
        let missing = want.saturating_sub(batch.len());
        batch.extend(self.rest.by_ref().take(missing));
    }
}

impl<T: Send> Source for Split<'_, T> {
    type Batch = Vec<Forwarded<T>>;
}

impl<T: Send> Feed<Vec<Forwarded<T>>> for Split<'_, T> {
    const SIZE: (usize, usize) = (1, 4096);

    /// Waits for one batch, and takes others only as long as they are at hand.
    ///
    /// It does not heed a stop that finishes: the section in front does, and this one ends when
    /// that has ended.
    fn fill(&mut self, batch: &mut Vec<Forwarded<T>>, want: usize, waiting: &SourceWait) -> Result<Filled, BoxError> {
        let mut more = true;
        self.take_rest(batch, want);
        while more && batch.len() < want {
            match self.from.try_recv() {
                Ok(received) => self.take(received, batch, want),
                Err(TryRecvError::Disconnected) => more = false,
                Err(TryRecvError::Empty) if batch.is_empty() => {
                    match waiting.until_stop(OnStop::Drop, self.from.recv())? {
                        Some(Some(received)) => self.take(received, batch, want),
                        Some(None) => more = false,
                        None => break,
                    }
                }
                Err(TryRecvError::Empty) => break,
            }
        }
        self.fill.set(self.from.len());
        Ok(Filled::of_items(&mut self.next, batch, more, batch.len() < want))
    }

    fn close(&mut self) -> bool {
        true
    }

    fn lost(&mut self) -> u64 {
        self.from.close();
        self.front.stop(OnStop::Drop);
        let mut lost = std::mem::take(&mut self.rest).len();
        // The section in front may hold a permit, which it uses at once.
        while let Some(received) = self.from.blocking_recv() {
            lost += received.len();
        }
        lost as u64
    }

    fn clear(batch: &mut Vec<Forwarded<T>>) {
        batch.clear();
    }

    fn take_sections<'s>(&mut self) -> Sections<'s>
    where
        Self: 's,
    {
        std::mem::take(&mut self.sections)
    }

    fn name(&mut self, name: Arc<str>) {
        if let Some(stage) = &self.name {
            *stage.lock() = name;
        }
    }
}

impl<T> fmt::Debug for Split<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Split")
            .field("sections", &self.sections.len())
            .field("taken", &self.next)
            .finish_non_exhaustive()
    }
}
