//! `upbeat play`: from a score to a conductor, and from its report to an exit code.

use std::{process::ExitCode, time::Duration};

use humantime::format_duration;
use upbeat::{Report, exit_code};

use crate::{
    args::Arguments,
    conductor::build_conductor,
    console, limits, log, runtime,
    score::{LogStyle, Score},
    stop_status::StopStatus,
};

/// The time that blocking calls still running get to return once the report is written.
const LINGER: Duration = Duration::from_millis(100);

/// Plays a score until a signal, a failure, or the end of all players.
pub(crate) fn play(score: Score, arguments: &Arguments) -> ExitCode {
    let style = arguments.log.unwrap_or(score.settings.log);
    let has_status = has_stop_status(style, arguments.quiet);
    if let Err(error) = console::start_queue(move |count| log::dropped(style, count)) {
        console::print_error(&format!("error: failed to start the thread of the log: {error}\n"));
        return ExitCode::from(exit_code::FAILED);
    }
    log::init(style, arguments.quiet, has_status);
    limits::raise_descriptors();
    let code = run(score, style, arguments.quiet, has_status);
    console::flush_within(console::FLUSH_TIMEOUT);
    ExitCode::from(code)
}

fn run(score: Score, style: LogStyle, quiet: bool, has_status: bool) -> u8 {
    for warning in &score.warnings {
        tracing::warn!("{}; {}", warning.message, warning.label);
    }
    let runtime = match runtime::start() {
        Ok(runtime) => runtime,
        Err(error) => {
            console::print_error(&format!("error: failed to start the runtime: {error}\n"));
            return exit_code::FAILED;
        }
    };
    let report = runtime.block_on(conduct(score, has_status));
    print_report(&report, style, quiet);
    // The report lists each call that still blocks a thread, so the process need not wait for it.
    runtime.shutdown_timeout(LINGER);
    report.exit_code()
}

/// Returns whether a status line of the terminal names the players that delay the stop.
/// If it does not, log lines name them.
fn has_stop_status(style: LogStyle, quiet: bool) -> bool {
    style == LogStyle::Auto && !quiet && console::is_terminal()
}

async fn conduct(score: Score, has_status: bool) -> Report {
    let (name, grace) = (score.settings.name.clone(), format_duration(score.settings.grace));
    tracing::info!(player = name, "playing {} servers; Ctrl-C stops them within {grace}", score.servers.len());
    let conductor = build_conductor(score);
    // If its thread cannot be started, only the status line is missing.
    let _status = has_status.then(|| StopStatus::start(conductor.handle().overview()));
    conductor.play_until_signal().await
}

/// Prints the report, unless `quiet` is set and the run was clean.
fn print_report(report: &Report, style: LogStyle, quiet: bool) {
    if quiet && report.exit_code() == exit_code::OK {
        return;
    }
    let text = match style {
        LogStyle::Json => log::report(report),
        LogStyle::Auto | LogStyle::Raw => format!("{report}\n"),
    };
    console::print_error(&text);
}
