//! Standard output and standard error; no other module writes to them.

use std::{
    env,
    io::{self, IsTerminal as _, Write},
    sync::Mutex,
};

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

/// Writes a message to standard error. A failure to write is ignored, as there is no other output.
pub(crate) fn print_error(text: &str) {
    let _ = Lines.write_all(text.as_bytes());
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

/// Replaces the status line. An empty one removes it.
pub(crate) fn status(line: &str) {
    let mut shown = STATUS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if *shown != line {
        let _ = io::stderr().lock().write_all(format!("{WIPE}{line}").as_bytes());
        line.clone_into(&mut shown);
    }
}

/// Moves the cursor to the start of the line, and erases the line.
const WIPE: &str = "\r\x1b[K";

/// Standard error for whole lines, which are written above the status line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lines;

impl Write for Lines {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.write_all(text).map(|()| text.len())
    }

    fn write_all(&mut self, text: &[u8]) -> io::Result<()> {
        let status = STATUS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        write_above(&mut io::stderr().lock(), text, &status)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Writes text and status line at once, so that no output of another process comes between them.
fn write_above(out: &mut impl Write, text: &[u8], status: &str) -> io::Result<()> {
    if status.is_empty() {
        return out.write_all(text);
    }
    out.write_all(&[WIPE.as_bytes(), text, status.as_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_written_above_the_status_line() {
        let mut out = Vec::new();
        write_above(&mut out, b"one\n", "").unwrap();
        write_above(&mut out, b"two\n", "stopping").unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "one\n\r\x1b[Ktwo\nstopping");
    }
}
