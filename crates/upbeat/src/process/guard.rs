//! The thread that ends the process when the asynchronous side cannot.
//!
//! Every worker may be blocked, and then no timer fires and no control loop runs; or a blocking task never returns, and the runtime waits for it
//! after everything is over. A plain thread with a clock of its own does not depend on any of that.

use std::{
    io::{self, Write as _},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use upbeat_score::SETTLE;

use super::exit::leave_with;
use crate::{
    display::human,
    exit_code,
    report::Report,
    snapshot::Snapshot,
    tree::{Tree, lookup::PROBE_TIMEOUT, overview::Overview},
};

/// What comes on top of the stop's budget and the time to settle, before the guard takes over.
const MARGIN: Duration = Duration::from_millis(500);

/// How long it may then take to find out where everybody waits, before the process is ended without that.
const LAST_WORDS: Duration = Duration::from_millis(500);

#[derive(Debug)]
enum News {
    /// A stop has begun.
    Stopping,
    /// Everything is being aborted, because of a second signal.
    Aborting { exit_code: u8 },
    /// All is over, and something was killed: this is what is to be said if `main` does not get to it.
    Over { report: String, exit_code: u8 },
}

/// The way to the thread. Dropping it releases the thread.
#[derive(Debug)]
pub(crate) struct Guard {
    news: Sender<News>,
}

impl Guard {
    /// Starts the thread. It counts from [`stopping`](Guard::stopping) on, and ends the process after `budget` and a little.
    pub(crate) fn new(budget: Duration, tree: &Arc<Tree>) -> io::Result<Self> {
        let (news, receiver) = channel();
        let overview = Overview::new(tree.clone());
        thread::Builder::new()
            .name("upbeat-guard".into())
            .spawn(move || watch(&receiver, budget.saturating_add(SETTLE + MARGIN), &overview))?;
        Ok(Self { news })
    }

    /// A stop has begun. Only the first call counts.
    pub(crate) fn stopping(&self) {
        // The thread is gone only when it has ended the process.
        let _ = self.news.send(News::Stopping);
    }

    /// Everything is being aborted, because of a second signal: that may take a moment, and no longer.
    pub(crate) fn aborting(&self, exit_code: u8) {
        let _ = self.news.send(News::Aborting { exit_code });
    }

    /// All is over. If something was killed it may still hold the runtime, and with it the end of `main`: then the process is
    /// ended a moment later.
    pub(crate) fn over(self, report: &Report) {
        if report.overran_or_lost() {
            let _ = self.news.send(News::Over { report: report.to_string(), exit_code: report.exit_code() });
            // The thread goes on waiting, for the end of the process.
            std::mem::forget(self);
        }
    }
}

fn watch(news: &Receiver<News>, patience: Duration, overview: &Overview) {
    let mut ends_at: Option<Instant> = None;
    let mut begun = Instant::now();
    let (mut last_words, mut code) = (None, exit_code::OVERRAN);
    loop {
        let heard = match ends_at {
            None => news.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(at) => news.recv_timeout(at.saturating_duration_since(Instant::now())),
        };
        match heard {
            Ok(News::Stopping) if ends_at.is_none() => {
                begun = Instant::now();
                ends_at = begun.checked_add(patience);
                overview.look();
            }
            Ok(News::Stopping) => {}
            Ok(News::Aborting { exit_code }) => {
                code = exit_code;
                ends_at = Instant::now().checked_add(SETTLE + MARGIN);
            }
            Ok(News::Over { report, exit_code }) => {
                last_words = Some(report);
                code = exit_code;
                ends_at = Instant::now().checked_add(MARGIN + LAST_WORDS);
            }
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => break,
        }
    }
    let text = last_words.unwrap_or_else(|| {
        let now = dump(overview);
        let after = human(begun.elapsed());
        format!("the stop has not ended {after} after it began; the process is ended now\n{now}")
    });
    // Whatever becomes of it, the process ends.
    let _ = writeln!(io::stderr(), "{text}");
    leave_with(code)
}

/// Everybody, with where they wait if that can be found out in time.
fn dump(overview: &Overview) -> Snapshot {
    let (done, dump) = channel();
    let asking = overview.clone();
    // On a thread of its own, because looking names up may take for ever: debug information is large, and disks are slow.
    let thread = thread::Builder::new().name("upbeat-last-words".into()).spawn(move || {
        // Nobody listens any more if it took too long.
        let _ = done.send(asking.dump_blocking(PROBE_TIMEOUT));
    });
    let dump = thread.ok().and_then(|_| dump.recv_timeout(LAST_WORDS).ok());
    dump.unwrap_or_else(|| overview.snapshot())
}
