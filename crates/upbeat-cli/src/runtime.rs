//! The start of the runtime.

use std::{io, panic, process};

use tokio::runtime::{Builder, Runtime};
use upbeat::exit_code;

use crate::console;

/// Starts the runtime, or ends the process if the system has no thread for a worker.
///
/// tokio panics then, and its drop waits for ever for the workers that have started. So the panic
/// hook is the last place at which the process can end.
///
/// # Errors
///
/// If the system has no descriptor for the events of sockets.
pub(crate) fn start() -> io::Result<Runtime> {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(|panic| end(panic.payload_as_str().unwrap_or("a panic"))));
    let runtime = Builder::new_multi_thread().enable_all().build();
    panic::set_hook(usual);
    runtime
}

#[expect(clippy::exit, reason = "unwinding never ends")]
fn end(reason: &str) -> ! {
    console::print_error(&format!("error: failed to start the runtime: {reason}\n"));
    console::flush_within(console::FLUSH_TIMEOUT);
    process::exit(exit_code::FAILED.into())
}
