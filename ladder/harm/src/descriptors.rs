//! File descriptors that are used up.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Lowers the limit of file descriptors for this whole process, in a [child](crate::child).
///
/// # Panics
///
/// If the system refuses.
pub fn limit(descriptors: u64) {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = Some(descriptors);
    setrlimit(Resource::Nofile, limit).expect("a limit may be lowered");
}
