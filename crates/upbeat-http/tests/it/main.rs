//! The tests of the servers, in one binary.
//!
//! Tests that read the log are in `tests/log`: `tracing` caches per process whether a log event has
//! subscribers.

mod auto_traits;
mod bounds;
mod common;
mod diagnostics;
mod drain;
mod drain_http2;
mod drain_upgraded;
mod dump;
mod head;
mod json_lines;
#[cfg(feature = "limit")]
mod limits;
mod request_context;
mod serving;
mod tcp;
#[cfg(feature = "tls")]
mod tls;
mod upload;
