//! The only place that writes to standard output and standard error.

use std::{
    env,
    io::{self, IsTerminal as _, Write as _},
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
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Whether messages may be coloured: on a terminal that can, unless `NO_COLOR` asks for none.
pub(crate) fn colours() -> bool {
    let asked_for_none = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let is_dumb = env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
    io::stderr().is_terminal() && !asked_for_none && !is_dumb
}
