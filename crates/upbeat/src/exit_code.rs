//! The exit codes of a process that plays a score, as
//! [`Report::exit_code`](crate::Report::exit_code) returns them.

/// The process stopped as requested, or all jobs are done.
pub const OK: u8 = 0;
/// A player or a start failed.
pub const FAILED: u8 = 1;
/// The command line is invalid (the program `upbeat`; `EX_USAGE` of sysexits.h).
pub const USAGE: u8 = 64;
/// The score is invalid, and nothing was started (`EX_CONFIG` of sysexits.h).
pub const BAD_SCORE: u8 = 78;
/// The stop overran: a run was aborted or left behind, or work was lost (as timeout(1)).
pub const OVERRAN: u8 = 124;

/// Returns the exit code of a process that a signal forced to end: 128 plus the signal's number, as
/// in shells.
pub const fn forced_by(signal: crate::signal::Signal) -> u8 {
    // A signal's number is between 1 and 64.
    128 + signal.number().to_le_bytes()[0] % 128
}
