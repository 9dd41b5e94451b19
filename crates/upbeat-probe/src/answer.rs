//! The answers of a probe.

use std::{fmt, time::Duration};

use crate::{display, trace::Trace};

/// The place where a watched future is waiting, or the reason why there is none.
///
/// [`Display`](fmt::Display) writes all of it. For `Waiting` that is a tree of named frames, in
/// which traces share their common beginning:
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
/// An answer carries bare addresses. Names and lines are looked up in the debug information when it
/// is first displayed or [resolved](Answer::resolve), or when the [frames](Trace::frames) of a
/// trace are first read. The lookup reads files. It takes milliseconds, and perhaps seconds the
/// first time in a large program. Do it on a plain thread or in `spawn_blocking`, not on a worker
/// of a runtime. Clones share the result.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Answer {
    /// It waits in these `await`s, and any of them may wake it.
    ///
    /// There may be several: a `select!` or `join!` waits in all of its branches.
    #[non_exhaustive]
    Waiting {
        /// One trace for each leaf future that has registered to be woken, in the order of
        /// registration.
        traces: Vec<Trace>,
        /// The number of further traces. At most 64 are recorded.
        omitted: usize,
    },
    /// It is inside one poll: it blocks its thread, or computes without an `await`. The place
    /// cannot be seen from outside.
    #[non_exhaustive]
    Busy {
        /// The time since the first look during the poll, which is a lower bound of its duration.
        at_least: Duration,
    },
    /// It waits, but nothing has registered to wake it in its last poll. It will not be polled
    /// again, unless an enclosing future is woken.
    Nothing,
    /// It was woken but not polled in time: its executor is busy, or gone.
    Silent,
    /// It has never been polled.
    NotPolledYet,
    /// It has completed.
    Finished,
    /// It was dropped before it completed: it was aborted, or it has panicked.
    Dropped,
}

impl Answer {
    /// Looks up the names and lines, so that displaying the answer is quick afterwards.
    ///
    /// It blocks the thread: see [the type's documentation](Answer#names-are-looked-up-late).
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
                display::write_tree(f, traces)?;
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
