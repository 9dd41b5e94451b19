//! The end of the process.

/// The one place where the library ends the process: on a third signal, on one after the end, and when the guard's patience is at its end.
#[expect(clippy::exit, reason = "whoever hangs may hang for ever, and the process always ends")]
pub(crate) fn leave_with(code: u8) -> ! {
    std::process::exit(code.into())
}
