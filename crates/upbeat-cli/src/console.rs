//! Standard output and standard error; no other module writes to them.

use std::{
    env,
    io::{self, IsTerminal as _, Write},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use upbeat_log::{LogWriter, Stderr};

/// Writes a result to standard output.
///
/// A closed pipe is no error: the reader of `upbeat score | head -1` needs no more.
///
/// # Errors
///
/// If the text cannot be written for another reason, such as a full disk.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// The time for the last messages to be written. If nothing reads standard error, they are lost.
pub(crate) const FLUSH_TIMEOUT: Duration = Duration::from_millis(500);

/// The queue of standard error, once a score is played.
static QUEUE: OnceLock<LogWriter> = OnceLock::new();

/// Has a thread write all messages from now on, so that nothing waits for the reader of standard
/// error. `dropped` returns the line for a number of dropped lines.
///
/// # Errors
///
/// If the system cannot start a thread.
pub(crate) fn start_queue(dropped: impl Fn(u64) -> String + Send + 'static) -> io::Result<()> {
    let queue = LogWriter::start(AboveStatus::new(Stderr), dropped)?;
    // The program plays once.
    let _ = QUEUE.set(queue);
    Ok(())
}

/// Waits until all messages are written, at most `timeout`.
pub(crate) fn flush_within(timeout: Duration) {
    if let Some(queue) = QUEUE.get() {
        queue.flush_within(timeout);
    }
}

/// Writes a message to standard error. A failure to write is ignored, as there is no other output.
pub(crate) fn print_error(text: &str) {
    match QUEUE.get() {
        Some(queue) => queue.write_always(text.as_bytes()),
        None => {
            let _ = Stderr.write_all(text.as_bytes());
        }
    }
}

/// Standard error for log lines. Each write is a line, which is dropped if too many wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lines;

impl Write for Lines {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.write_all(text).map(|()| text.len())
    }

    fn write_all(&mut self, text: &[u8]) -> io::Result<()> {
        match QUEUE.get() {
            Some(queue) => queue.clone().write_all(text),
            None => Stderr.write_all(text),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns whether messages are colored: on a terminal, unless `NO_COLOR` is set.
pub(crate) fn colors() -> bool {
    let no_color = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    is_terminal() && !no_color
}

/// Returns whether standard error is a terminal that can overwrite a line.
pub(crate) fn is_terminal() -> bool {
    io::stderr().is_terminal() && env::var_os("TERM").is_none_or(|terminal| terminal != "dumb")
}

/// Returns the number of characters in a line of the terminal.
pub(crate) fn width() -> usize {
    let columns = rustix::termios::tcgetwinsize(io::stderr()).map_or(0, |size| size.ws_col);
    if columns == 0 { 80 } else { columns.into() }
}

/// The status line, which is the last line of the terminal. Empty if there is none.
static STATUS: Mutex<String> = Mutex::new(String::new());

fn lock_status() -> MutexGuard<'static, String> {
    STATUS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Replaces the status line. An empty one removes it.
pub(crate) fn status(line: &str) {
    line.clone_into(&mut lock_status());
    if let Some(queue) = QUEUE.get() {
        queue.refresh();
    }
}

/// Moves the cursor to the start of the line, and erases the line.
const WIPE: &str = "\r\x1b[K";

/// An output of messages above the status line, which a flush updates.
///
/// If the terminal does not accept output (Ctrl-S), only the last status waits.
#[derive(Debug)]
struct AboveStatus<W> {
    out: W,
    /// The status line on the terminal.
    shown: String,
}

impl<W> AboveStatus<W> {
    fn new(out: W) -> Self {
        Self { out, shown: String::new() }
    }
}

impl<W: Write> Write for AboveStatus<W> {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.write_all(text).map(|()| text.len())
    }

    /// Writes text and status line at once, so that no output of another process comes between
    /// them.
    fn write_all(&mut self, text: &[u8]) -> io::Result<()> {
        let status = lock_status().clone();
        if self.shown.is_empty() && status.is_empty() {
            return self.out.write_all(text);
        }
        let wipe = if self.shown.is_empty() { "" } else { WIPE };
        let written = self.out.write_all(&[wipe.as_bytes(), text, status.as_bytes()].concat());
        self.shown = status;
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        let status = lock_status().clone();
        if self.shown != status {
            self.out.write_all(format!("{WIPE}{status}").as_bytes())?;
            self.shown = status;
        }
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_written_above_the_status_line() {
        let mut console = AboveStatus::new(Vec::new());
        console.write_all(b"one\n").unwrap();
        status("stopping");
        console.flush().unwrap();
        console.write_all(b"two\n").unwrap();
        console.flush().unwrap();
        status("");
        console.write_all(b"three\n").unwrap();
        console.flush().unwrap();
        let text = String::from_utf8(console.out).unwrap();
        assert_eq!(text, "one\n\r\x1b[Kstopping\r\x1b[Ktwo\nstopping\r\x1b[Kthree\n");
    }
}
