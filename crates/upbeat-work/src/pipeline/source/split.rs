//! What the section in front gives as a source.

use std::{fmt, sync::Arc, vec};

use tokio::sync::mpsc::{Receiver, error::TryRecvError};
use upbeat::BoxError;

use super::traits::{Filled, Source, filled, private::Sealed};
use crate::pipeline::{
    batch::Forwarded,
    control::{Sections, SourceWait, StopHandle},
    meter::LinkFill,
    options::OnStop,
    stage::SharedName,
};

/// Sections that are made, and what comes out of the last of them.
pub(crate) struct Front<'a, T> {
    pub(crate) from: Receiver<Vec<Forwarded<T>>>,
    pub(crate) sections: Sections<'a>,
    pub(crate) fill: Arc<LinkFill>,
    /// Ends the last of them.
    pub(crate) over: StopHandle,
}

/// What the sections before a split give.
pub struct Split<'a, T> {
    from: Receiver<Vec<Forwarded<T>>>,
    /// What came in a batch that was larger than was wanted: a section whose work is dear takes few items at a time.
    rest: vec::IntoIter<Forwarded<T>>,
    next: u64,
    sections: Sections<'a>,
    fill: Arc<LinkFill>,
    /// Ends the section in front, which may be waiting for a source that is idle.
    front: StopHandle,
    /// The name of the stage in front, if that is asynchronous.
    name: Option<SharedName>,
}

impl<'a, T> Split<'a, T> {
    pub(crate) fn new(front: Front<'a, T>, name: Option<SharedName>) -> Self {
        let Front { from, sections, fill, over } = front;
        Self { from, rest: Vec::new().into_iter(), next: 0, sections, fill, front: over, name }
    }

    /// Adds a batch to what is taken, as far as it is wanted.
    fn take(&mut self, mut came: Vec<Forwarded<T>>, batch: &mut Vec<Forwarded<T>>, want: usize) {
        if batch.is_empty() && came.len() <= want {
            // Whole, without moving the items.
            std::mem::swap(batch, &mut came);
        } else {
            self.rest = came.into_iter();
            self.take_rest(batch, want);
        }
    }

    fn take_rest(&mut self, batch: &mut Vec<Forwarded<T>>, want: usize) {
        let room = want.saturating_sub(batch.len());
        batch.extend(self.rest.by_ref().take(room));
    }
}

impl<T: Send> Source for Split<'_, T> {
    type Batch = Vec<Forwarded<T>>;

    const SIZE: (usize, usize) = (1, 4096);

    /// Waits for one batch, and takes others only as long as they are there. It does not heed a stop that finishes: the section in front
    /// does, and when that has ended this one has.
    fn fill(&mut self, batch: &mut Self::Batch, want: usize, waiting: &SourceWait) -> Result<Filled, BoxError> {
        let mut more = true;
        self.take_rest(batch, want);
        while more && batch.len() < want {
            match self.from.try_recv() {
                Ok(came) => self.take(came, batch, want),
                Err(TryRecvError::Disconnected) => more = false,
                Err(TryRecvError::Empty) if batch.is_empty() => {
                    match waiting.unless_asked(OnStop::Drop, self.from.recv())? {
                        Some(Some(came)) => self.take(came, batch, want),
                        Some(None) => more = false,
                        None => break,
                    }
                }
                Err(TryRecvError::Empty) => break,
            }
        }
        self.fill.set(self.from.len());
        Ok(filled(&mut self.next, batch, want, more))
    }

    fn close(&mut self) -> bool {
        true
    }

    fn lost(&mut self) -> u64 {
        self.from.close();
        self.front.stop(OnStop::Drop);
        let mut lost = std::mem::take(&mut self.rest).len();
        // Until the section in front has no room reserved any more, which it uses at once.
        while let Some(came) = self.from.blocking_recv() {
            lost += came.len();
        }
        lost as u64
    }

    fn clear(batch: &mut Self::Batch) {
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

impl<T> Sealed for Split<'_, T> {}

impl<T> fmt::Debug for Split<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Split")
            .field("sections", &self.sections.len())
            .field("taken", &self.next)
            .finish_non_exhaustive()
    }
}
