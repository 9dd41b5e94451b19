//! A script is a list of numbers, which select operations and their arguments. Each `run` returns
//! one line for each step.
//!
//! An operation that makes no sense in the state of the script is skipped.

pub(crate) mod bounded;
pub(crate) mod locks;
pub(crate) mod notify;
pub(crate) mod once_lock;
pub(crate) mod oneshot;
pub(crate) mod semaphore;
pub(crate) mod std_channel;
pub(crate) mod tasks;
pub(crate) mod timers;
pub(crate) mod token;
pub(crate) mod unbounded;
pub(crate) mod watch;
