//! As `tokio::sync::watch`, with a sender that begins without a receiver.

use std::ops::Deref;

pub use shuttle_tokio::sync::watch::{Receiver, Ref, error};

/// As tokio's.
pub fn channel<T>(value: T) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = shuttle_tokio::sync::watch::channel(value);
    (Sender(sender), receiver)
}

/// As tokio's.
#[derive(Debug)]
pub struct Sender<T>(shuttle_tokio::sync::watch::Sender<T>);

impl<T> Sender<T> {
    /// As tokio's.
    pub fn new(value: T) -> Self {
        channel(value).0
    }
}

impl<T> Deref for Sender<T> {
    type Target = shuttle_tokio::sync::watch::Sender<T>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}
