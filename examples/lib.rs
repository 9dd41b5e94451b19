//! What the example programs share.

pub mod program;

use std::io::{self, IsTerminal as _};

/// Log lines on the standard error, in colour on a terminal. `NO_COLOR` turns the colour off.
pub fn log() {
    let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt().with_writer(io::stderr).with_ansi(colour).with_target(false).init();
}
