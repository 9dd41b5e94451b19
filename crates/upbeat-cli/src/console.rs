//! The only place that writes to standard output and standard error.

use std::{
    env,
    io::{self, IsTerminal as _, Write},
    sync::Mutex,
};

/// Writes a result to standard output.
///
/// A reader that has gone (`upbeat score | head -1`) has what it wanted: that is no error.
///
/// # Errors
///
/// Any other failure to write, such as a full disk.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Writes a message to standard error. If that fails, there is no one left to tell.
pub(crate) fn complain(text: &str) {
    let _ = Lines.write_all(text.as_bytes());
}

/// Whether messages may be coloured: on a terminal that can, unless `NO_COLOR` asks for none.
pub(crate) fn colours() -> bool {
    let asked_for_none = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    is_lively() && !asked_for_none
}

/// Whether standard error is a terminal on which a line can be written anew.
pub(crate) fn is_lively() -> bool {
    io::stderr().is_terminal() && env::var_os("TERM").is_none_or(|terminal| terminal != "dumb")
}

/// How many characters a line of the terminal has.
pub(crate) fn width() -> usize {
    let columns = rustix::termios::tcgetwinsize(io::stderr()).map_or(0, |size| size.ws_col);
    if columns == 0 { 80 } else { columns.into() }
}

/// The last line of the terminal, below all others; empty if there is none.
static STATUS: Mutex<String> = Mutex::new(String::new());

/// Puts a line below all others, in place of the one that is there. An empty one takes it away.
pub(crate) fn status(line: &str) {
    let mut shown = STATUS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if *shown != line {
        let _ = io::stderr().lock().write_all(format!("{WIPE}{line}").as_bytes());
        line.clone_into(&mut shown);
    }
}

/// To the start of the line, and away with what is on it.
const WIPE: &str = "\r\x1b[K";

/// Standard error for whole lines, which go above the status line.
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

/// In one piece, so that nothing of another process comes between.
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
    fn lines_go_above_the_status_line() {
        let mut out = Vec::new();
        write_above(&mut out, b"one\n", "").unwrap();
        write_above(&mut out, b"two\n", "stopping").unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "one\n\r\x1b[Ktwo\nstopping");
    }
}
