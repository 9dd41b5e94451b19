//! Helpers of the example programs.

pub mod job;
pub mod program;

use std::{
    error::Error as StdError,
    io::{self, IsTerminal as _},
};

/// Writes log lines to standard error, in color on a terminal. `NO_COLOR` disables the color.
pub fn log() {
    let color = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt().with_writer(io::stderr).with_ansi(color).with_target(false).init();
}

/// Returns an error and its sources on one line.
pub fn with_causes(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

/// The guide for users of Go, whose programs are compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../docs/from-go.md")]
struct FromGo;

/// The README, whose examples are compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
