//! The intent of the test suites of thirteen peers, expressed with the public API of Upbeat.
//!
//! Each test names the tests of a peer whose intent it has:
//!
//! - *Same*: the behavior holds here as there.
//! - *Composed*: there is no call for it, but a few lines do it.
//! - *Differs*: the documented difference is asserted.
//!
//! `docs/peers.md` has the table.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod dotnet;
mod go_context;
mod go_errgroup;
mod go_semaphore;
mod governor;
mod oklog;
mod orchestra;
mod otp;
mod spring;
mod suture;
mod table;
mod task_tracker;
mod tgs;
mod tower;
