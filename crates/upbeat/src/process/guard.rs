//! The thread that ends the process if the runtime cannot.
//!
//! If every worker is blocked, no timer fires and no control loop runs. And a blocking task that
//! never returns keeps the runtime from shutting down. A plain thread with a clock of its own
//! depends on neither. It does nothing itself that may block: what calls foreign code or writes has
//! another thread, and a bound.

use std::{
    io,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    thread,
    time::{Duration, Instant},
};

use upbeat_score::SETTLE;

use super::exit::leave_with;
use crate::{
    display::human,
    exit_code,
    instant::STANDSTILL,
    report::Report,
    snapshot::Snapshot,
    tree::{StopEvent, Tree, lookup::PROBE_TIMEOUT, overview::Overview},
};

/// The time after the stop's budget and the time to settle, before the guard ends the process.
const MARGIN: Duration = Duration::from_millis(500);

/// The time for a last dump. After that the process is ended without locations.
const FINAL_DUMP_TIMEOUT: Duration = Duration::from_millis(500);

/// The guard of one tree of conductors. Its thread ends with the subscription.
#[derive(Debug)]
pub(crate) struct Guard {
    tree: Arc<Tree>,
}

impl Guard {
    /// Starts the thread. It ends the process a little more than `budget` after the begin of the
    /// stop.
    pub(crate) fn new(budget: Duration, tree: &Arc<Tree>) -> io::Result<Self> {
        let (events, receiver) = channel();
        let overview = Overview::new(tree.clone());
        thread::Builder::new()
            .name("upbeat-guard".into())
            .spawn(move || watch(&receiver, budget.saturating_add(SETTLE + MARGIN), &overview))?;
        tree.subscribe_stop(events);
        Ok(Self { tree: tree.clone() })
    }

    /// Releases the thread after the end.
    ///
    /// If something was killed, or a helper task of the library is blocked in a log event, it may
    /// still hold the runtime, and with it the end of `main`. Then the process is ended a moment
    /// later.
    pub(crate) fn end(self, report: &Report, helpers_ended: bool) {
        let Some(events) = self.tree.unsubscribe_stop() else { return };
        if report.overran_or_lost() || !helpers_ended {
            let text = (!report.is_clean()).then(|| report.to_string());
            let _ = events.send(StopEvent::Ended { report: text, exit_code: report.exit_code() });
            // The thread goes on waiting for the end of the process.
            std::mem::forget(events);
        }
    }
}

fn watch(events: &Receiver<StopEvent>, limit: Duration, overview: &Overview) {
    let mut ends_at: Option<Instant> = None;
    let mut begun = Instant::now();
    let mut stood_still = false;
    let (mut ended, mut code) = (None, exit_code::OVERRAN);
    loop {
        let event = match ends_at {
            None => events.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(at) => events.recv_timeout(at.saturating_duration_since(Instant::now())),
        };
        match event {
            Ok(StopEvent::Stopping) if ends_at.is_none() => {
                begun = Instant::now();
                ends_at = begun.checked_add(limit);
                // Not here, because it may drop the last of a run, which is foreign code.
                let overview = overview.clone();
                let _ = thread::Builder::new().name("upbeat-check".into()).spawn(move || overview.check_busy());
            }
            Ok(StopEvent::Stopping) => {}
            Ok(StopEvent::Aborting { exit_code }) => {
                code = exit_code;
                ends_at = Instant::now().checked_add(SETTLE + MARGIN);
            }
            Ok(StopEvent::Ended { report, exit_code }) => {
                ended = Some(report);
                code = exit_code;
                ends_at = Instant::now().checked_add(MARGIN + FINAL_DUMP_TIMEOUT);
            }
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                let now = Instant::now();
                let late = ends_at.map(|at| now.saturating_duration_since(at));
                if stood_still || late.is_none_or(|late| late < STANDSTILL) {
                    break;
                }
                // The whole process stood still, so the control loop had no chance either.
                stood_still = true;
                ends_at = now.checked_add(SETTLE + MARGIN);
            }
        }
    }
    let text = ended.unwrap_or_else(|| {
        let now = dump(overview);
        let after = human(begun.elapsed());
        Some(format!("stop not complete after {after}, ending the process\n{now}"))
    });
    leave_with(code, text)
}

/// Returns the states of all players, with open work and locations if these are found in time.
fn dump(overview: &Overview) -> Snapshot {
    let (done, dump) = channel();
    let own = overview.clone();
    // On a thread of its own, because foreign code lists the open work, and may block.
    let thread = thread::Builder::new().name("upbeat-final-dump".into()).spawn(move || {
        // The receiver is gone if it took too long.
        let _ = done.send(own.dump_blocking(PROBE_TIMEOUT));
    });
    let dump = thread.ok().and_then(|_| dump.recv_timeout(FINAL_DUMP_TIMEOUT).ok());
    dump.unwrap_or_else(|| overview.states())
}
