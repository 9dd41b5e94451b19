//! What a probe finds.

use std::{fmt, time::Duration};

use crate::{Trace, tree};

/// Where a watched future is waiting, or why that cannot be said.
///
/// [`Display`](fmt::Display) gives the whole story, for `Waiting` as a tree of named frames in which traces that begin alike share
/// their beginning:
///
/// ```text
/// waiting in 2 places
/// └─ shop::serve at serve.rs:12
///    ├─ shop::accept at accept.rs:40
///    │  └─ tokio::net::tcp::listener::TcpListener::accept
///    └─ shop::tick at serve.rs:18
///       └─ tokio::time::sleep::Sleep
/// ```
///
/// # Names are looked up late
///
/// An answer carries bare addresses. The first time that it is displayed, or [resolved](Answer::resolve), or that the
/// [frames](Trace::frames) of a trace are asked for, names and lines are looked up in the debug information. That reads files and takes milliseconds, the
/// first time in a large program perhaps seconds: do it on a thread of your own or in `spawn_blocking`, not on a worker of a
/// runtime. Clones share what was looked up.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Answer {
    /// It waits in these `await`s, and any of them may wake it.
    ///
    /// Several are no mistake: a `select!` or `join!` waits in all of its branches.
    #[non_exhaustive]
    Waiting {
        /// One trace for each leaf future that has registered to be woken, in the order in which they did.
        traces: Vec<Trace>,
        /// How many more there were. At most 64 are recorded.
        omitted: usize,
    },
    /// It is being polled, all the time: it blocks its thread, or computes without an `await`. Where, cannot be seen from outside.
    #[non_exhaustive]
    Busy {
        /// The poll has been running at least for so long: since somebody first looked.
        at_least: Duration,
    },
    /// It waits, but in its last poll nothing has registered to wake it: it will not move again, unless what it is a part of does.
    Nothing,
    /// It was woken but not polled in time: its executor is busy with something else, or gone.
    Silent,
    /// It has never been polled.
    NotPolledYet,
    /// It has completed.
    Finished,
    /// It was dropped before it completed: aborted, or it has panicked.
    Dropped,
}

impl Answer {
    /// Looks up the names and lines, so that displaying the answer is quick afterwards.
    ///
    /// It blocks; see [the type's documentation](Answer#names-are-looked-up-late).
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use upbeat_probe::watch;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), tokio::task::JoinError> {
    /// # let (watched, probe) = watch(tokio::time::sleep(Duration::from_secs(60)));
    /// # tokio::spawn(watched);
    /// let answer = probe.ask(Duration::from_secs(1)).await;
    /// let resolving = answer.clone();
    /// tokio::task::spawn_blocking(move || resolving.resolve()).await?;
    /// println!("{answer}");
    /// # Ok(())
    /// # }
    /// ```
    pub fn resolve(&self) {
        if let Self::Waiting { traces, .. } = self {
            for trace in traces {
                trace.frames();
            }
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting { traces, omitted } => {
                match traces.len() + omitted {
                    1 => f.write_str("waiting in")?,
                    places => write!(f, "waiting in {places} places")?,
                }
                tree::write(f, traces)?;
                if *omitted > 0 {
                    write!(f, "\nand in {omitted} more")?;
                }
                Ok(())
            }
            Self::Busy { at_least } => write!(f, "inside one poll for at least {} ms", at_least.as_millis()),
            Self::Nothing => f.write_str("waiting for nothing: nothing will wake it"),
            Self::Silent => f.write_str("woken but not polled: its executor is busy or gone"),
            Self::NotPolledYet => f.write_str("not polled yet"),
            Self::Finished => f.write_str("finished"),
            Self::Dropped => f.write_str("dropped before it finished"),
        }
    }
}
