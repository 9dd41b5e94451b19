//! `upbeat play`: from a score to a conductor, and from its report to an exit code.

use std::{process::ExitCode, time::Duration};

use humantime::format_duration;
use upbeat::{Report, exit_code};

use crate::{
    args::Arguments,
    console,
    door::Door,
    log, orchestra,
    score::{LogStyle, Score},
};

/// How long blocking calls that are still under way are waited for once the report is written.
const AFTERMATH: Duration = Duration::from_millis(100);

/// Plays a score until a signal, a failure, or the end of all players.
pub(crate) fn play(score: Score, asked: &Arguments) -> ExitCode {
    let style = asked.log.unwrap_or(score.settings.log);
    log::init(style, asked.quiet, shows_the_door(style, asked.quiet));
    for warning in &score.warnings {
        tracing::warn!("{}; {}", warning.message, warning.label);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            console::complain(&format!("error: failed to start the runtime: {error}\n"));
            return ExitCode::from(exit_code::FAILED);
        }
    };
    let report = runtime.block_on(conduct(score, shows_the_door(style, asked.quiet)));
    tell(&report, style, asked.quiet);
    // Whatever still blocks a thread is in the report; the process does not wait for it.
    runtime.shutdown_timeout(AFTERMATH);
    ExitCode::from(report.exit_code())
}

/// Whether one line of the terminal says who is left while everything stops. Elsewhere log lines do.
fn shows_the_door(style: LogStyle, quiet: bool) -> bool {
    style == LogStyle::Auto && !quiet && console::is_lively()
}

async fn conduct(score: Score, shows_the_door: bool) -> Report {
    let (name, grace) = (score.settings.name.clone(), format_duration(score.settings.grace));
    tracing::info!(player = name, "playing {} servers; Ctrl-C stops them within {grace}", score.servers.len());
    let conductor = orchestra::gather(score);
    // Without a thread for it the line is missing, and nothing else.
    let _door = shows_the_door.then(|| Door::watch(conductor.handle().overview()));
    conductor.play_until_signal().await
}

/// Writes the report; of a clean run only if somebody wants to hear of it.
fn tell(report: &Report, style: LogStyle, quiet: bool) {
    if quiet && report.exit_code() == exit_code::OK {
        return;
    }
    let text = match style {
        LogStyle::Json => log::report(report),
        LogStyle::Auto | LogStyle::Raw => format!("{report}\n"),
    };
    console::complain(&text);
}
