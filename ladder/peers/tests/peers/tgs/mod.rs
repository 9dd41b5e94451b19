//! The tests and examples of tokio-graceful-shutdown 0.19.3.

mod aborts;
mod branches;
mod contexts;
mod ends;
mod errors;
mod examples;
mod signals;
mod states;
mod stops;
