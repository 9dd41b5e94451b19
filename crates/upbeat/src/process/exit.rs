//! The end of the process.

use std::{
    io::{self, Write as _},
    process::{ExitCode, Termination},
    sync::mpsc::channel,
    thread,
    time::{Duration, Instant},
};

use crate::report::Report;

/// The time for the last words of a process that is ended, and for what its standard output holds.
const LAST_WORDS_TIMEOUT: Duration = Duration::from_millis(300);

/// The time for the report as the result of `main`.
const REPORT_TIMEOUT: Duration = Duration::from_secs(1);

/// Ends the process. It is the one place where the library does so: on a third signal, on a signal
/// after the end, and when the timeout of the guard expires.
///
/// Before that it writes `text` to standard error, and what standard output still holds, as far as
/// that takes no longer than [`LAST_WORDS_TIMEOUT`]. It calls no handlers of `atexit`: a thread
/// that hangs may hold what these wait for.
pub(crate) fn leave_with(code: u8, text: Option<String>) -> ! {
    let flush = || drop(io::stdout().flush());
    match text {
        Some(text) => within(LAST_WORDS_TIMEOUT, [Box::new(move || write(&text)), Box::new(flush)]),
        None => within(LAST_WORDS_TIMEOUT, [Box::new(flush)]),
    }
    signal_hook::low_level::exit(code.into())
}

impl Termination for Report {
    fn report(self) -> ExitCode {
        if !self.is_clean() || self.players.iter().any(|player| !player.notes.is_empty()) {
            let text = self.to_string();
            within(REPORT_TIMEOUT, [Box::new(move || write(&text))]);
        }
        ExitCode::from(self.exit_code())
    }
}

fn write(text: &str) {
    // There is no other place to report a failed write to standard error.
    let _ = writeln!(io::stderr(), "{text}");
}

/// Does each work on a thread of its own, and waits until all is done, for `limit` at most: a pipe
/// that is full and that is not read blocks a write for ever.
///
/// Without a thread the work is left out.
fn within<const N: usize>(limit: Duration, works: [Box<dyn FnOnce() + Send>; N]) {
    let begun = Instant::now();
    let (done, is_done) = channel::<()>();
    for work in works {
        let done = done.clone();
        let work = move || {
            work();
            drop(done);
        };
        let _ = thread::Builder::new().name("upbeat-last-words".into()).spawn(work);
    }
    drop(done);
    // Nothing is sent: it ends when the last sender is dropped.
    let _ = is_done.recv_timeout(limit.saturating_sub(begun.elapsed()));
}
