//! The writer, and its thread.

use std::{
    fmt,
    io::{self, Write},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use crate::queue::{Entry, Queue};

/// The maximum size of the waiting lines in bytes: some ten thousand lines.
const CAPACITY: usize = 1024 * 1024;

/// A writer that hands lines to a bounded queue, which a thread writes to the output. A cheap
/// clone.
///
/// No call waits for the output. Each [`write_all`](Write::write_all) is one line: the thread
/// passes it to one `write_all` of the output, in order. Up to 1 MiB of lines wait. Then lines are
/// dropped and counted. Once the output accepts lines again, the count is written at their
/// position, as the text that [`start`](LogWriter::start) got for it.
///
/// The thread ends when all clones are dropped and the queue is written.
///
/// # Not guaranteed
///
/// A line is lost if the output rejects it with an error, or if the process ends before the thread
/// has written it. [`flush_within`](LogWriter::flush_within) waits for that.
#[derive(Clone)]
pub struct LogWriter {
    shared: Arc<Shared>,
    _end: Arc<EndOnDrop>,
}

struct Shared {
    state: Mutex<State>,
    /// Notified when the thread has something to do.
    changed: Condvar,
    /// Notified when the thread has nothing to do.
    idle: Condvar,
}

struct State {
    queue: Queue,
    /// `true` if the output is to be flushed although there are no new lines.
    is_refreshed: bool,
    /// `true` while the thread calls the output.
    is_busy: bool,
    /// `true` once all writers are dropped.
    is_ended: bool,
}

/// The end of the thread, when the last writer is dropped.
struct EndOnDrop(Arc<Shared>);

impl LogWriter {
    /// Starts the thread that writes to `out`.
    ///
    /// Once the queue is empty, the thread flushes `out`. Errors of `out` are ignored, as there is
    /// no other output to report them to. `dropped` returns the line for a number of dropped lines,
    /// and runs on the thread.
    ///
    /// # Errors
    ///
    /// If the system cannot start a thread.
    pub fn start(
        out: impl Write + Send + 'static,
        dropped: impl Fn(u64) -> String + Send + 'static,
    ) -> io::Result<Self> {
        Self::with_capacity(CAPACITY, out, dropped)
    }

    /// Starts the thread, with another size of the queue in bytes.
    fn with_capacity(
        capacity: usize,
        out: impl Write + Send + 'static,
        dropped: impl Fn(u64) -> String + Send + 'static,
    ) -> io::Result<Self> {
        let state =
            State { queue: Queue::with_capacity(capacity), is_refreshed: false, is_busy: false, is_ended: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new(), idle: Condvar::new() });
        let of_thread = shared.clone();
        thread::Builder::new().name("upbeat-log".into()).spawn(move || of_thread.write(out, dropped))?;
        Ok(Self { _end: Arc::new(EndOnDrop(shared.clone())), shared })
    }

    /// Adds a line that is never dropped, such as the last one of the process.
    ///
    /// It comes after all lines before it, and may make the queue larger than its bound. Use it for
    /// texts whose number is bounded.
    pub fn write_always(&self, line: &[u8]) {
        self.shared.change(|state| state.queue.push_always(line));
    }

    /// Has the thread flush the output soon, after the waiting lines. It does not wait for that.
    ///
    /// An output with a state of its own, such as a status line, is updated this way.
    pub fn refresh(&self) {
        self.shared.change(|state| state.is_refreshed = true);
    }

    /// Waits until all lines are written and flushed, at most `timeout`. Returns whether they are.
    pub fn flush_within(&self, timeout: Duration) -> bool {
        let deadline = Instant::now().checked_add(timeout);
        let mut state = self.shared.lock();
        while state.has_work() {
            let left = deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return false;
            }
            state = self.shared.idle.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

impl Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.shared.change(|state| state.queue.push(line));
        Ok(line.len())
    }

    /// Returns at once. [`flush_within`](LogWriter::flush_within) waits.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for LogWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogWriter").finish_non_exhaustive()
    }
}

impl State {
    fn has_work(&self) -> bool {
        self.is_busy || self.is_refreshed || !self.queue.is_empty()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_one();
    }

    /// Writes entries until the end. The output is called without the lock.
    fn write(&self, mut out: impl Write, dropped: impl Fn(u64) -> String) {
        let mut state = self.lock();
        loop {
            while let Some(entry) = state.queue.pop() {
                state.is_busy = true;
                drop(state);
                // Nothing else reports a failure: this is the output of reports.
                let _ = match entry {
                    Entry::Line(line) => out.write_all(&line),
                    Entry::Dropped(count) => out.write_all(dropped(count).as_bytes()),
                };
                state = self.lock();
            }
            if std::mem::take(&mut state.is_busy) | std::mem::take(&mut state.is_refreshed) {
                state.is_busy = true;
                drop(state);
                let _ = out.flush();
                state = self.lock();
                state.is_busy = false;
            } else if state.is_ended {
                return;
            } else {
                self.idle.notify_all();
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.change(|state| state.is_ended = true);
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufRead as _;

    use harm::pipe::UnreadPipe;

    use super::*;

    const SHORT: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(30);

    fn dropped(count: u64) -> String {
        format!("{count} dropped\n")
    }

    #[test]
    fn lines_are_written_in_order_and_flushed() {
        let (reader, pipe) = io::pipe().unwrap();
        let mut log = LogWriter::start(pipe, dropped).unwrap();
        for number in 0..1000 {
            log.write_all(format!("{number}\n").as_bytes()).unwrap();
        }
        assert!(log.flush_within(LONG));
        drop(log);
        let lines: Vec<_> = io::BufReader::new(reader).lines().map(Result::unwrap).collect();
        assert_eq!(lines, (0..1000).map(|number| number.to_string()).collect::<Vec<_>>());
    }

    #[test]
    fn no_call_waits_for_a_full_pipe_and_its_reader_gets_the_count() {
        let pipe = UnreadPipe::full().unwrap();
        let mut log = LogWriter::with_capacity(100, pipe.writer().unwrap(), dropped).unwrap();
        log.write_all(b"first\n").unwrap();
        // The thread has taken the line, and blocks.
        while !log.shared.lock().is_busy {
            thread::yield_now();
        }
        for number in 0..1000 {
            log.write_all(format!("{number:9}\n").as_bytes()).unwrap();
            log.refresh();
        }
        log.write_always(b"last\n");
        assert!(!log.flush_within(SHORT));
        let mut lines = io::BufReader::new(pipe.read()).lines().map(Result::unwrap);
        assert_eq!(lines.next().as_deref(), Some("first"));
        assert!(lines.by_ref().take(10).eq((0..10).map(|number| format!("{number:9}"))));
        assert_eq!([lines.next(), lines.next()].map(Option::unwrap), ["990 dropped", "last"]);
        assert!(log.flush_within(LONG));
        drop(log);
        assert_eq!(lines.next(), None, "the thread has ended");
    }

    #[test]
    fn the_count_is_written_even_if_no_line_follows() {
        let pipe = UnreadPipe::full().unwrap();
        let mut log = LogWriter::with_capacity(1, pipe.writer().unwrap(), dropped).unwrap();
        log.write_all(b"first\n").unwrap();
        while !log.shared.lock().is_busy {
            thread::yield_now();
        }
        for line in [b"second\n", b"third!\n"] {
            log.write_all(line).unwrap();
        }
        drop(log);
        assert_eq!(io::read_to_string(pipe.read()).unwrap(), "first\nsecond\n1 dropped\n");
    }

    #[test]
    fn an_output_that_fails_loses_its_lines_only() {
        struct Fails(u8);
        impl Write for Fails {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                self.0 += 1;
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut log = LogWriter::start(Fails(0), dropped).unwrap();
        for _ in 0..3 {
            log.write_all(b"lost\n").unwrap();
        }
        assert!(log.flush_within(LONG));
    }

    #[test]
    fn a_refresh_flushes_the_output() {
        struct Flushes(std::sync::mpsc::Sender<()>);
        impl Write for Flushes {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                self.0.send(()).map_err(io::Error::other)
            }
        }
        let (sender, flushes) = std::sync::mpsc::channel();
        let log = LogWriter::start(Flushes(sender), dropped).unwrap();
        log.refresh();
        flushes.recv_timeout(LONG).unwrap();
    }
}
