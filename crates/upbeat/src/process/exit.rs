//! The end of the process.

/// Ends the process. It is the one place where the library does so: on a third signal, on a signal
/// after the end, and when the timeout of the guard expires.
#[expect(clippy::exit, reason = "a task may hang for ever, and the process always ends")]
pub(crate) fn leave_with(code: u8) -> ! {
    std::process::exit(code.into())
}
