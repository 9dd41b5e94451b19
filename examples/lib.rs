//! Helpers of the example programs.

pub mod job;
pub mod program;

use std::{
    error::Error as StdError,
    fmt::Arguments,
    io::{self, IsTerminal as _, Write},
    sync::OnceLock,
    time::Duration,
};

use tracing_subscriber::filter::LevelFilter;
use upbeat_log::{LogWriter, Stderr};

/// The time for the last log lines to be written. If nothing reads standard error, they are lost.
const FLUSH_TIMEOUT: Duration = Duration::from_millis(500);

/// The queue of standard error, once log lines are written.
static QUEUE: OnceLock<LogWriter> = OnceLock::new();

/// The log of a program. Its drop waits for the last lines, but not for ever.
#[derive(Debug)]
#[must_use = "its drop at the end of `main` writes the last lines"]
pub struct Log(());

/// Has log lines written to standard error, in color on a terminal. `NO_COLOR` disables the color.
///
/// No task waits for the reader of standard error. While nothing reads, lines are dropped and
/// counted.
pub fn log() -> Log {
    log_from(LevelFilter::INFO)
}

/// As [`log`], for errors only.
pub fn log_errors() -> Log {
    log_from(LevelFilter::ERROR)
}

fn log_from(level: LevelFilter) -> Log {
    let color = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    // Without a thread each line is written where it occurs.
    if let Ok(queue) = LogWriter::start(Stderr, |count| format!("{count} log lines dropped, as nothing read them\n")) {
        let _ = QUEUE.set(queue);
    }
    let lines = || -> Box<dyn Write> {
        match QUEUE.get() {
            Some(queue) => Box::new(queue.clone()),
            None => Box::new(Stderr),
        }
    };
    tracing_subscriber::fmt().with_max_level(level).with_writer(lines).with_ansi(color).with_target(false).init();
    Log(())
}

impl Drop for Log {
    fn drop(&mut self) {
        if let Some(queue) = QUEUE.get() {
            queue.flush_within(FLUSH_TIMEOUT);
        }
    }
}

/// Prints a line to standard output. A failure is ignored: a reader such as `head` needs no more.
pub fn print(text: Arguments<'_>) {
    let _ = io::stdout().write_all(format!("{text}\n").as_bytes());
}

/// Prints a line to standard error, behind the log lines if there are any. A failure has no other
/// output to go to.
pub fn print_error(text: Arguments<'_>) {
    let line = format!("{text}\n");
    let _ = match QUEUE.get() {
        Some(queue) => queue.clone().write_all(line.as_bytes()),
        None => Stderr.write_all(line.as_bytes()),
    };
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
