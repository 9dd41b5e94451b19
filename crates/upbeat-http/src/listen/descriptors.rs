use std::{
    os::{fd::AsRawFd, unix::net::UnixDatagram},
    time::Duration,
};

use rustix::process::{Resource, getrlimit};

use super::{Socket, socket::number};
use crate::targets;

/// The share of the limit that ordinary servers leave free, and its bounds.
///
/// Diagnostics, files that handlers open, and the connections that are queued at a stop need it.
const RESERVED_SHARE: u64 = 8;
const MIN_RESERVED: u64 = 4;
const MAX_RESERVED: u64 = 64;

/// The pause between two looks for free descriptors.
pub(super) const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// The file descriptors of this process that a server may use.
///
/// The kernel assigns the lowest free number. The number of a new descriptor is thus at most the
/// number of those in use, including those that other code has opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Descriptors {
    /// The first number that the server leaves free; `None` without a limit.
    end: Option<u64>,
}

impl Descriptors {
    /// Leaves a reserve of this process's present limit free.
    pub(crate) fn without_reserve() -> Self {
        let limit = getrlimit(Resource::Nofile).current;
        Self { end: limit.map(|limit| limit.saturating_sub(reserved(limit))) }
    }

    /// Uses the reserve, too.
    pub(crate) fn with_reserve() -> Self {
        Self { end: None }
    }

    /// Logs a warning if fewer descriptors are free than `max_connections` needs.
    pub(crate) fn check(self, server: &str, max_connections: usize) {
        let Some(left) = self.left() else { return };
        if left < max_connections as u64 {
            tracing::warn!(target: targets::ACCEPT, server, max_connections, left, "fewer file descriptors are left than max_connections, raise their limit (`ulimit -n`)");
        }
    }

    /// Returns whether this socket is already one of the reserve.
    pub(super) fn are_used_up_by(self, socket: &Socket) -> bool {
        self.end.is_some_and(|end| socket.number() >= end)
    }

    /// Returns whether the next descriptor would be one of the reserve.
    pub(super) fn are_used_up(self) -> bool {
        self.left() == Some(0)
    }

    /// Returns how many are left, at most; `None` without a limit.
    fn left(self) -> Option<u64> {
        let end = self.end?;
        // Any descriptor will do. This one needs no file system.
        let next = UnixDatagram::unbound().map(|probe| number(probe.as_raw_fd()));
        Some(next.map_or(0, |next| end.saturating_sub(next)))
    }
}

fn reserved(limit: u64) -> u64 {
    (limit / RESERVED_SHARE).clamp(MIN_RESERVED, MAX_RESERVED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_eighth_is_reserved_within_bounds() {
        assert_eq!([10, 256, 1024, 1 << 20].map(reserved), [4, 32, 64, 64]);
    }

    #[test]
    fn the_reserve_begins_at_a_number() {
        let descriptors = |end| Descriptors { end: Some(end) };
        assert!(descriptors(0).are_used_up());
        assert!(!descriptors(1 << 30).are_used_up());
        assert!(!Descriptors::with_reserve().are_used_up());
    }
}
