//! The choice of the connection for an item.

use std::fmt;

use upbeat::BoxError;

use super::outbox::Outbox;

/// The choice of the connections that an item is sent through.
pub trait Deliver<T>: Send {
    /// Whether an item is sent through all connections.
    const COPIES: bool = false;

    /// Puts an item into the boxes of its connections.
    ///
    /// # Errors
    ///
    /// If there is no such connection.
    fn deliver(&mut self, item: T, boxes: &mut [Outbox<T>]) -> Result<(), BoxError>;
}

/// The only connection of [`Pipeline::send_to`](crate::Pipeline::send_to).
#[derive(Debug)]
pub struct SingleTarget;

impl<T> Deliver<T> for SingleTarget {
    fn deliver(&mut self, item: T, boxes: &mut [Outbox<T>]) -> Result<(), BoxError> {
        put(item, boxes, 0)
    }
}

/// The connection that the closure of [`Pipeline::route`](crate::Pipeline::route) returns.
pub struct Route<F>(pub(crate) F);

impl<T, F: FnMut(&T) -> usize + Send> Deliver<T> for Route<F> {
    fn deliver(&mut self, item: T, boxes: &mut [Outbox<T>]) -> Result<(), BoxError> {
        let at = (self.0)(&item);
        put(item, boxes, at)
    }
}

impl<F> fmt::Debug for Route<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Route")
    }
}

/// All connections of [`Pipeline::broadcast`](crate::Pipeline::broadcast).
#[derive(Debug)]
pub struct Broadcast;

impl<T: Clone> Deliver<T> for Broadcast {
    const COPIES: bool = true;

    fn deliver(&mut self, item: T, boxes: &mut [Outbox<T>]) -> Result<(), BoxError> {
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
    let outbox = boxes.get_mut(at).ok_or_else(|| format!("no connection {at}: there are {count}, from 0"))?;
    outbox.put(item);
    Ok(())
}
