//! Log lines that never wait for the reader of their output.
//!
//! A write to standard error blocks while its pipe is full: the log shipper is paused, or Ctrl-S
//! was pressed in the terminal. If log lines are written where they occur, every task that logs
//! blocks its worker, and at last the whole service stands still.
//!
//! A [`LogWriter`] hands each line to a bounded queue, and one thread writes the queue to the
//! output. While nothing reads, the queue fills up. Then lines are dropped and counted. Once
//! something reads again, one line with their number takes their place.
//!
//! ```
//! use std::time::Duration;
//! use upbeat_log::{LogWriter, Stderr};
//!
//! let log = LogWriter::start(Stderr, |dropped| format!("{dropped} log lines dropped\n"))?;
//! let lines = log.clone();
//! tracing_subscriber::fmt().with_writer(move || lines.clone()).init();
//! // … the service …
//!
//! // At the end, before `main` returns. It waits for the last lines, but not for ever.
//! log.flush_within(Duration::from_millis(500));
//! # Ok::<_, std::io::Error>(())
//! ```

mod queue;
mod stderr;
mod writer;

pub use stderr::Stderr;
pub use writer::LogWriter;

/// The page of log events, whose example is compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/log-events.md")]
struct LogEvents;
