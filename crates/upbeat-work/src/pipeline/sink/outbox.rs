//! What is to go through one connection.

use tokio::sync::{TryAcquireError, mpsc::error::SendError};

use crate::pipeline::{
    connection::{ConnectionSender, Disconnected},
    control::Control,
    outcome::PipelineFailure,
};

/// Items that are sent together: a wake-up for all of them.
#[derive(Debug)]
#[doc(hidden)]
pub struct Outbox<T> {
    to: ConnectionSender<T>,
    items: Vec<T>,
}

impl<T> Outbox<T> {
    pub(crate) fn new(to: ConnectionSender<T>) -> Self {
        Self { to, items: Vec::new() }
    }

    pub(crate) fn put(&mut self, item: T) {
        self.items.push(item);
    }

    /// Sends what is in it, and waits for room, unless everything is to be dropped: that is an error without a cause.
    pub(crate) fn send(&mut self, run: &Control) -> Result<(), Option<PipelineFailure>> {
        while !self.items.is_empty() {
            let ConnectionSender { to, room } = &self.to;
            // As many as there is room for now; to wait for more would leave those behind waiting too.
            let some = self.items.len().min(room.available_permits()).max(1);
            let permit = match room.try_acquire_many(u32::try_from(some).unwrap_or(u32::MAX)) {
                Ok(permit) => permit,
                Err(TryAcquireError::Closed) => return Err(gone(run)),
                Err(TryAcquireError::NoPermits) => {
                    let permit =
                        run.unless_dropping(room.acquire()).map_err(|error| PipelineFailure::Sink(error.into()))?;
                    permit.ok_or(None)?.map_err(|_| gone(run))?
                }
            };
            let some = permit.num_permits();
            let behind = self.items.split_off(some);
            let first = std::mem::replace(&mut self.items, behind);
            if let Err(SendError(first)) = to.send(first) {
                // Back to where they are counted.
                self.items.splice(..0, first);
                return Err(gone(run));
            }
            // Whoever takes the items gives their places back.
            permit.forget();
        }
        Ok(())
    }

    /// Drops what could not be sent, and says how much it was.
    pub(crate) fn clear(&mut self) -> u64 {
        self.items.drain(..).count() as u64
    }
}

/// Nobody receives any more. That is no failure where all are asked to stop, and the other one was quicker.
fn gone(run: &Control) -> Option<PipelineFailure> {
    if run.is_asked_to_stop() { None } else { Some(PipelineFailure::Sink(Disconnected.into())) }
}
