//! As `tokio::sync::mpsc`: channels of their own, whose receiver waits for permits that were taken
//! before it was closed, as tokio's does.
//!
//! Tokio's budget of a task is not modeled: `recv` is ready as soon as an item is there.

mod bounded;
mod permit;
mod unbounded;

pub use shuttle_tokio::sync::mpsc::error;

pub use self::{
    bounded::{Receiver, Sender, channel},
    permit::Permit,
    unbounded::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};
