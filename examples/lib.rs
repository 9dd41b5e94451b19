//! What the example programs share.

pub mod job;
pub mod program;

use std::{
    error::Error as StdError,
    io::{self, IsTerminal as _},
};

/// Log lines on the standard error, in colour on a terminal. `NO_COLOR` turns the colour off.
pub fn log() {
    let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt().with_writer(io::stderr).with_ansi(colour).with_target(false).init();
}

/// An error on one line, with all that it comes from.
pub fn with_causes(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

/// The guide for those who come from Go: its programs are compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../docs/from-go.md")]
struct FromGo;

/// The examples of the README, so that they are compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
