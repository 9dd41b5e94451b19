//! The limits of the process.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The soft limit to try where the hard one is more than the system accepts, as on macOS.
const OPEN_MAX: u64 = 10_240;

/// Raises the soft limit of open descriptors to the hard limit.
///
/// The soft limit of 256 or 1,024 is for programs that call `select`, which this one does not. A
/// process that `upbeat` started would inherit the raised limit.
pub(crate) fn raise_descriptors() {
    let before = getrlimit(Resource::Nofile);
    let wanted = [before.maximum, Some(OPEN_MAX)].map(|current| Rlimit { current, maximum: before.maximum });
    // Without success the limit stays, and the servers report how many connections it allows.
    let raised = wanted.into_iter().find(|limit| is_more(limit.current, before.current) && set(limit));
    if let Some(raised) = raised {
        tracing::debug!(from = before.current, to = raised.current, "limit of descriptors raised");
    }
}

fn set(limit: &Rlimit) -> bool {
    setrlimit(Resource::Nofile, Rlimit { current: limit.current, maximum: limit.maximum }).is_ok()
}

/// Returns whether a limit is larger than another one. `None` is unlimited.
fn is_more(limit: Option<u64>, than: Option<u64>) -> bool {
    than.is_some_and(|than| limit.is_none_or(|limit| limit > than))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unlimited_is_the_largest_limit() {
        assert!(is_more(None, Some(u64::MAX)) && is_more(Some(2), Some(1)));
        assert!(!is_more(Some(2), Some(2)) && !is_more(Some(2), None) && !is_more(None, None));
    }
}
