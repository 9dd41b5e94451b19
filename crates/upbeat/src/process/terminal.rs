//! The terminal of the process, and what the process began with.

use std::fs;

use rustix::fs::{Mode, OFlags, open};

/// The circumstances in which the process began.
#[derive(Debug)]
pub(super) struct Terminal {
    was_there: bool,
    hangup_ignored: bool,
}

impl Terminal {
    /// Looks. Once a handler is installed, it is too late.
    pub(super) fn look() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        Self { was_there: is_there(), hangup_ignored: ignores_hangup(&status) }
    }

    /// Returns whether the process began with hangups ignored, as under `nohup`. On systems without
    /// `/proc` that is not known.
    pub(super) fn is_hangup_ignored(&self) -> bool {
        self.hangup_ignored
    }

    /// Returns whether the process began with a terminal.
    pub(super) fn was_there(&self) -> bool {
        self.was_there
    }

    /// Returns whether the process had a terminal, and has none now.
    ///
    /// The origin of a signal does not show that: a shell passes a hangup on by `kill`.
    pub(super) fn has_ended(&self) -> bool {
        self.was_there && !is_there()
    }
}

fn is_there() -> bool {
    // Not blocking, because the open of a serial line waits for its carrier.
    open("/dev/tty", OFlags::RDONLY | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty()).is_ok()
}

/// Returns whether a status of `/proc` lists SIGHUP as ignored.
fn ignores_hangup(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // SIGHUP is signal 1, which is the lowest bit.
    mask.and_then(|mask| u128::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_mask_of_ignored_signals() {
        let status = |mask: &str| format!("Name:\tcat\nSigBlk:\t0000000000000001\nSigIgn:\t{mask}\nSigCgt:\t1\n");
        for (mask, ignored) in [("0000000000000000", false), ("0000000000000001", true), ("0000000000001001", true)] {
            assert_eq!(ignores_hangup(&status(mask)), ignored, "{mask}");
        }
        assert!(!ignores_hangup(&status("0000000000001000")) && !ignores_hangup("") && !ignores_hangup("SigIgn:\tx"));
    }
}
