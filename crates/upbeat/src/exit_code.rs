//! The exit codes of a process that plays a score, as [`Report::exit_code`](crate::Report::exit_code) gives them.

/// Stopped as asked, or all jobs done.
pub const OK: u8 = 0;
/// A player or a start failed.
pub const FAILED: u8 = 1;
/// The command line cannot be understood (the program `upbeat`; `EX_USAGE` of sysexits.h).
pub const USAGE: u8 = 64;
/// The score cannot be played, and nothing was started (`EX_CONFIG` of sysexits.h).
pub const BAD_SCORE: u8 = 78;
/// The stop overran, and something was killed, cut off or left behind (as timeout(1) has it).
pub const OVERRAN: u8 = 124;

/// The exit code of a process that a signal forced to end: 128 and the signal's number, as shells have it.
pub const fn forced_by(signal: crate::signal::Signal) -> u8 {
    // A signal's number is between 1 and 64.
    128 + signal.number().to_le_bytes()[0] % 128
}
