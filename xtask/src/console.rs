//! Output of the tasks.

use std::{io, io::Write as _};

/// Writes progress to standard error, where cargo writes its own, so that the two stay in order.
pub(crate) fn say(text: &str) -> io::Result<()> {
    io::stderr().write_all(text.as_bytes())
}

/// Writes a result to standard output, so that it can be redirected to a file.
///
/// A reader that has left, such as `head`, is no error.
pub(crate) fn print(text: &str) -> io::Result<()> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
