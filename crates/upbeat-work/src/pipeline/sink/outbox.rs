//! Items on their way to one connection.

use tokio::sync::{TryAcquireError, mpsc::error::SendError};

use crate::pipeline::{
    connection::{ConnectionSender, Disconnected},
    control::Control,
    outcome::PipelineFailure,
};

/// Items that are sent together, for one wake-up of the receiver.
#[derive(Debug)]
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

    /// Sends all items, and waits for permits.
    ///
    /// # Errors
    ///
    /// The cause if the receiving pipeline has ended, or `None` if all items are to be dropped.
    pub(crate) fn send(&mut self, control: &Control) -> Result<(), Option<PipelineFailure>> {
        while !self.items.is_empty() {
            let ConnectionSender { to, permits } = &self.to;
            // As many as are free now: other senders would wait behind a larger request.
            let some = self.items.len().min(permits.available_permits()).max(1);
            let permit = match permits.try_acquire_many(u32::try_from(some).unwrap_or(u32::MAX)) {
                Ok(permit) => permit,
                Err(TryAcquireError::Closed) => return Err(disconnected(control)),
                Err(TryAcquireError::NoPermits) => {
                    let permit = control
                        .until_dropping(permits.acquire())
                        .map_err(|error| PipelineFailure::Sink(error.into()))?;
                    permit.ok_or(None)?.map_err(|_| disconnected(control))?
                }
            };
            let some = permit.num_permits();
            let behind = self.items.split_off(some);
            let first = std::mem::replace(&mut self.items, behind);
            if let Err(SendError(first)) = to.send(first) {
                // They stay in the outbox, where they are counted.
                self.items.splice(..0, first);
                return Err(disconnected(control));
            }
            // The receiver returns the permits when it takes the items.
            permit.forget();
        }
        Ok(())
    }

    /// Drops the items that could not be sent, and returns their number.
    pub(crate) fn clear(&mut self) -> u64 {
        self.items.drain(..).count() as u64
    }
}

/// Returns the failure of a sender without a receiver.
///
/// It is none during a stop, in which the receiving pipeline was faster.
fn disconnected(control: &Control) -> Option<PipelineFailure> {
    if control.is_stopping() { None } else { Some(PipelineFailure::Sink(Disconnected.into())) }
}
