//! What is to go through one connection.

use tokio::sync::mpsc::error::TrySendError;

use crate::{Cause, Disconnected, Inlet, run::Run};

/// Items that are sent together: a wake-up for all of them.
#[derive(Debug)]
#[doc(hidden)]
pub struct Outbox<T> {
    to: Inlet<T>,
    items: Vec<T>,
}

impl<T> Outbox<T> {
    pub(crate) fn new(to: Inlet<T>) -> Self {
        Self { to, items: Vec::new() }
    }

    pub(crate) fn put(&mut self, item: T) {
        self.items.push(item);
    }

    /// Sends what is in it, and waits for room, unless everything is to be dropped: that is an error without a cause.
    pub(crate) fn send(&mut self, run: &Run) -> Result<(), Option<Cause>> {
        while !self.items.is_empty() {
            let to = &self.to.0;
            // As many as there is room for now; to wait for more would leave those behind waiting too.
            let some = self.items.len().min(to.capacity().max(1));
            let room = match to.try_reserve_many(some) {
                Ok(room) => Ok(room),
                Err(TrySendError::Closed(())) => return Err(Some(gone())),
                Err(TrySendError::Full(())) => {
                    let room = run.unless_dropping(to.reserve_many(1)).map_err(|error| Cause::Sink(error.into()))?;
                    room.ok_or(None)?.map_err(|_| gone())
                }
            }?;
            let some = room.len();
            room.zip(self.items.drain(..some)).for_each(|(place, item)| place.send(item));
        }
        Ok(())
    }

    /// Drops what could not be sent, and says how much it was.
    pub(crate) fn clear(&mut self) -> u64 {
        self.items.drain(..).count() as u64
    }
}

fn gone() -> Cause {
    Cause::Sink(Disconnected.into())
}
