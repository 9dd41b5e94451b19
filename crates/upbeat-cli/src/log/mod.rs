//! Log lines on standard error: for people, for machines, or bare.

mod fields;
mod format;
mod player;

use std::{env, time::SystemTime};

use tracing_subscriber::{
    EnvFilter, Layer as _,
    filter::{FilterExt as _, LevelFilter, filter_fn},
    fmt,
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};
use upbeat::{Report, exit_code};

use self::{fields::PLAYER, format::Format, player::RememberPlayer};
use crate::{
    console::{self, Lines},
    score::LogStyle,
};

/// Begins to write log lines: in this style, errors only if `quiet`, otherwise as `RUST_LOG` says; without those that say who is
/// still there during a stop, if something else does.
pub(crate) fn init(style: LogStyle, quiet: bool, without_the_door: bool) {
    let format = Format { style, colours: console::colours() };
    // Whatever the level, a line says which player it is about, so the spans that name players are always entered.
    let names_a_player = filter_fn(|metadata| metadata.is_span() && metadata.fields().field(PLAYER).is_some());
    let wanted = filter(quiet).or(names_a_player.with_max_level_hint(LevelFilter::INFO));
    let wanted = wanted.and(filter_fn(move |metadata| !(without_the_door && metadata.target() == "upbeat::door")));
    let layer = RememberPlayer.and_then(fmt::layer().event_format(format).with_writer(|| Lines));
    // It fails only if lines are written already, and then there is nothing left to do.
    let _ = tracing_subscriber::registry().with(layer.with_filter(wanted)).try_init();
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

/// The report as a line for machines.
pub(crate) fn report(report: &Report) -> String {
    let level = if report.exit_code() == exit_code::OK { "info" } else { "error" };
    let time = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
    let line = serde_json::json!({ "time": time, "level": level, "message": "report", "report": report });
    format!("{line}\n")
}
