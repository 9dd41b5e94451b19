//! Log lines on standard error: as text, as JSON, or as bare messages.

mod fields;
mod format;
mod player;

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    env,
    io::Write as _,
    panic::{self, PanicHookInfo},
    thread,
    time::SystemTime,
};

use tracing::Level;
use tracing_subscriber::{
    EnvFilter, Layer as _,
    filter::{FilterExt as _, LevelFilter, filter_fn},
    fmt,
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};
use upbeat::diagnostics::targets;
use upbeat::{Report, exit_code};

use self::{
    fields::PLAYER,
    format::{Format, Line},
    player::RememberPlayer,
};
use crate::{
    console::{self, Lines},
    score::LogStyle,
};

/// Installs the writer of log lines.
///
/// If `quiet`, it writes only errors, otherwise the lines that `RUST_LOG` selects. With
/// `has_status` it leaves out the lines that repeat the status line of a stop.
pub(crate) fn init(style: LogStyle, quiet: bool, has_status: bool) {
    let format = Format { style, colors: console::colors() };
    // A line names its player at every level, so the spans that carry a player are always enabled.
    let names_a_player = filter_fn(|metadata| metadata.is_span() && metadata.fields().field(PLAYER).is_some());
    let enabled = filter(quiet).or(names_a_player.with_max_level_hint(LevelFilter::INFO));
    let enabled = enabled.and(filter_fn(move |metadata| !(has_status && metadata.target() == targets::STOP)));
    let layer = RememberPlayer.and_then(fmt::layer().event_format(format).with_writer(|| Lines));
    // It fails only if a writer is installed already, which then stays.
    let _ = tracing_subscriber::registry().with(layer.with_filter(enabled)).try_init();
    // The hook of the standard library writes by itself, and blocks if nothing reads.
    panic::set_hook(Box::new(move |panic| {
        let _ = Lines.write_all(describe(panic, format).as_bytes());
    }));
}

/// Returns the line of a panic.
fn describe(panic: &PanicHookInfo<'_>, format: Format) -> String {
    let thread = thread::current();
    let message = format!("thread '{}' {panic}", thread.name().unwrap_or("<unnamed>"));
    let backtrace = Backtrace::capture();
    let message = match backtrace.status() {
        BacktraceStatus::Captured => format!("{message}\n{backtrace}"),
        _ => message,
    };
    format.line(Line::new(Level::ERROR, message))
}

/// Returns the line in place of a number of lines that were dropped.
pub(crate) fn dropped(style: LogStyle, count: u64) -> String {
    let line = Line::new(Level::WARN, "log lines dropped, as nothing read them".to_owned());
    Format { style, colors: console::colors() }.line(line.with("dropped", count.into()))
}

fn filter(quiet: bool) -> EnvFilter {
    if quiet {
        return EnvFilter::new("error");
    }
    let directives = env::var("RUST_LOG").unwrap_or_default();
    if directives.trim().is_empty() {
        return EnvFilter::new("info");
    }
    EnvFilter::try_new(&directives).unwrap_or_else(|error| {
        console::print_error(&format!("warning: invalid RUST_LOG={directives}, using `info` instead: {error}\n"));
        EnvFilter::new("info")
    })
}

/// Returns the report as a line of JSON.
pub(crate) fn report(report: &Report) -> String {
    let level = if report.exit_code() == exit_code::OK { "info" } else { "error" };
    let time = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
    let line = serde_json::json!({ "time": time, "level": level, "message": "report", "report": report });
    format!("{line}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_lines_are_a_line_in_each_style() {
        let text = dropped(LogStyle::Auto, 7);
        assert!(text.ends_with("WARN  log lines dropped, as nothing read them dropped=7\n"), "{text}");
        assert_eq!(dropped(LogStyle::Raw, 7), "log lines dropped, as nothing read them dropped=7\n");
        let json: serde_json::Value = serde_json::from_str(&dropped(LogStyle::Json, 7)).unwrap();
        assert_eq!((&json["dropped"], &json["level"]), (&7.into(), &"warn".into()));
    }
}
