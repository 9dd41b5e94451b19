//! As `tokio::sync::mpsc`: a bounded channel of its own, whose receiver waits for places that were reserved before it was closed, as tokio's
//! does; and an unbounded one with `recv_many`.

mod bounded;
mod permit;
mod unbounded;

pub use shuttle_tokio::sync::mpsc::{UnboundedSender, error};

pub use self::{
    bounded::{Receiver, Sender, channel},
    permit::{Permit, PermitIterator},
    unbounded::{UnboundedReceiver, unbounded_channel},
};
