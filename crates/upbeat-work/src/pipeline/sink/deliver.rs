//! To which of its connections a pipeline sends an item.

use std::fmt;

use upbeat::BoxError;

use super::outbox::Outbox;

/// Decides where an item goes.
#[doc(hidden)]
pub trait Deliver<T>: Send {
    /// Whether an item goes to all of them.
    const COPIES: bool = false;

    /// # Errors
    ///
    /// When there is no such connection.
    fn place(&mut self, item: T, boxes: &mut [Outbox<T>]) -> Result<(), BoxError>;
}

/// To the only one.
#[derive(Debug)]
pub struct SingleTarget;

impl<T> Deliver<T> for SingleTarget {
    fn place(&mut self, item: T, boxes: &mut [Outbox<T>]) -> Result<(), BoxError> {
        put(item, boxes, 0)
    }
}

/// To the one that a closure says.
pub struct Route<F>(pub(crate) F);

impl<T, F: FnMut(&T) -> usize + Send> Deliver<T> for Route<F> {
    fn place(&mut self, item: T, boxes: &mut [Outbox<T>]) -> Result<(), BoxError> {
        let at = (self.0)(&item);
        put(item, boxes, at)
    }
}

impl<F> fmt::Debug for Route<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Route")
    }
}

/// To all.
#[derive(Debug)]
pub struct Broadcast;

impl<T: Clone> Deliver<T> for Broadcast {
    const COPIES: bool = true;

    fn place(&mut self, item: T, boxes: &mut [Outbox<T>]) -> Result<(), BoxError> {
        let Some((last, others)) = boxes.split_last_mut() else { return Ok(()) };
        for outbox in others {
            outbox.put(item.clone());
        }
        last.put(item);
        Ok(())
    }
}

fn put<T>(item: T, boxes: &mut [Outbox<T>], at: usize) -> Result<(), BoxError> {
    let count = boxes.len();
    let outbox = boxes.get_mut(at).ok_or_else(|| format!("it was routed to to {at}, and there are {count}, from 0"))?;
    outbox.put(item);
    Ok(())
}
