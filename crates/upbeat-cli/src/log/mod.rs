//! Log lines on standard error: for people, for machines, or bare.

mod fields;
mod format;
mod player;

use std::{env, io};

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use self::{format::Lines, player::RememberPlayer};
use crate::{console, score::LogStyle};

/// Begins to write log lines: in this style, errors only if `quiet`, otherwise as `RUST_LOG` says.
pub(crate) fn init(style: LogStyle, quiet: bool) {
    let lines = Lines { style, colours: console::colours() };
    let layer = fmt::layer().event_format(lines).with_writer(io::stderr);
    // It fails only if lines are written already, and then there is nothing left to do.
    let _ = tracing_subscriber::registry().with(filter(quiet)).with(RememberPlayer).with(layer).try_init();
}

fn filter(quiet: bool) -> EnvFilter {
    if quiet {
        return EnvFilter::new("error");
    }
    let asked = env::var("RUST_LOG").unwrap_or_default();
    if asked.trim().is_empty() {
        return EnvFilter::new("info");
    }
    EnvFilter::try_new(&asked).unwrap_or_else(|error| {
        console::complain(&format!(
            "warning: RUST_LOG={asked} is not understood ({error}); writing what `info` would\n"
        ));
        EnvFilter::new("info")
    })
}
