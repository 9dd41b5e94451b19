//! Helpers of several tests.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};

/// A timeout that a test only reaches if something hangs.
pub(super) const LONG: Duration = Duration::from_secs(20);

/// A value that is counted while it exists.
pub(super) struct Counted(Arc<AtomicUsize>);

impl Counted {
    pub(super) fn new(live: &Arc<AtomicUsize>) -> Self {
        live.fetch_add(1, SeqCst);
        Self(live.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

/// Waits without using a processor.
pub(super) fn pause(time: Duration) {
    let unused = Mutex::new(());
    Condvar::new().wait_for(&mut unused.lock(), time);
}

/// Waits until `is_so` returns `true`.
pub(super) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < LONG, "never: {what}");
        thread::yield_now();
    }
}

/// Waits until `count` has not changed for a while, and returns it.
pub(super) fn settle(count: &AtomicUsize) -> usize {
    let (begun, mut before, mut since) = (Instant::now(), 0, Instant::now());
    while since.elapsed() < Duration::from_millis(100) {
        let now = count.load(SeqCst);
        if now != before {
            (before, since) = (now, Instant::now());
        }
        assert!(begun.elapsed() < LONG, "it never settles");
        thread::yield_now();
    }
    before
}
