//! A meter of progress: a count, and the time of the last step.

use std::{fmt, sync::atomic::Ordering, time::Duration};

use portable_atomic::AtomicU128;
use tokio::time::Instant;

/// A lock-free meter of progress. Work counts its steps, and any thread reads their number and the
/// time of the last one.
///
/// Share it by reference or in an `Arc`. An observer compares two readings, or reads
/// [`since_last`](ProgressReading::since_last) of one. The idea comes from quickwit-actors, whose
/// actors record progress. This meter counts as well, which distinguishes slow from stuck.
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use upbeat::diagnostics::Progress;
///
/// let progress = Arc::new(Progress::new());
/// let meter = progress.clone();
/// let copying = std::thread::spawn(move || {
///     for _block in 0..100 {
///         meter.add(4096);
///     }
/// });
/// let before = progress.read();
/// copying.join().unwrap();
/// let after = progress.read();
/// assert_eq!(after.count, 409_600);
/// assert!(after.since_last < Duration::from_secs(60), "stuck");
/// println!("{:.0} bytes per second", after.rate_since(&before));
/// ```
///
/// # Guarantees
///
/// A reading is consistent: its count and its time belong together, with any number of writers and
/// readers. Later readings of one thread never show a smaller count or an earlier time. A thread
/// that is suspended within a step or a reading delays no other. The effects of a thread before a
/// step are visible to a reader of a count that includes the step.
///
/// # Not guaranteed
///
/// If several threads step at the same time, the time of the last step is the latest of theirs. The
/// count saturates at `u64::MAX`. On an x86-64 processor without `cmpxchg16b` (from before 2006)
/// and on platforms without 128-bit atomics, a lock replaces the atomic.
///
/// # Time
///
/// Times are those of [`tokio::time::Instant`], so that a test with a paused clock controls them.
/// Outside of such tests that is the clock of the standard library. No runtime is needed.
///
/// # Cost
///
/// A step reads the clock and does one compare-and-swap of 128 bits. On one machine a step took 31
/// ns, 22 of them for the clock, and an `AtomicU64::fetch_add` took 5 ns. Work with steps of
/// nanoseconds should count several steps itself and [add](Progress::add) them at once.
pub struct Progress {
    /// The origin of the time in `state`. Each meter has its own, because a paused clock belongs to
    /// one runtime.
    began: Instant,
    /// Count and time in one value. Of two atomics, one could be read before and one after a step.
    state: AtomicU128,
}

// It is embedded in other structures: count and time, and the origin.
const _: () = assert!(size_of::<Progress>() <= 32);

/// A reading of a [`Progress`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProgressReading {
    /// The number of steps.
    pub count: u64,
    /// The time of the last step, if there was one.
    pub last: Option<Instant>,
    /// The time since the last step. Without a step, the time since the meter was made: work that
    /// never begins is stuck too.
    pub since_last: Duration,
    /// The time of this reading.
    pub at: Instant,
}

impl ProgressReading {
    /// Returns the steps per second since an `earlier` reading of the same meter. Zero if no time
    /// has passed, or if the other reading is not earlier.
    ///
    /// ```
    /// # use upbeat::diagnostics::Progress;
    /// let progress = Progress::new();
    /// let before = progress.read();
    /// assert_eq!(progress.read().rate_since(&before), 0.0);
    /// ```
    pub fn rate_since(&self, earlier: &Self) -> f64 {
        let seconds = self.at.saturating_duration_since(earlier.at).as_secs_f64();
        if seconds > 0.0 { self.count.saturating_sub(earlier.count) as f64 / seconds } else { 0.0 }
    }
}

impl Progress {
    /// Returns a meter without steps.
    pub fn new() -> Self {
        Self { began: Instant::now(), state: AtomicU128::new(0) }
    }

    /// Counts one step, now.
    pub fn step(&self) {
        self.add(1);
    }

    /// Counts `n` steps at once, now. `add(0)` only sets the time, as a heartbeat.
    pub fn add(&self, n: u64) {
        let nanos = self.began.elapsed().as_nanos();
        // Zero stands for no step. Five centuries fit.
        self.record(n, u64::try_from(nanos).map_or(u64::MAX, |nanos| nanos.saturating_add(1)));
    }

    /// Returns a reading.
    pub fn read(&self) -> ProgressReading {
        let (count, time) = self.load();
        let last = time.checked_sub(1).and_then(|nanos| self.began.checked_add(Duration::from_nanos(nanos)));
        // After the state, so that the last step is not later than `at`.
        let at = Instant::now();
        ProgressReading { count, last, since_last: at.saturating_duration_since(last.unwrap_or(self.began)), at }
    }

    fn record(&self, n: u64, time: u64) {
        let mut seen = self.state.load(Ordering::Relaxed);
        loop {
            let (count, last) = unpack(seen);
            // A thread that read the clock earlier than another may get here later.
            let next = pack(count.saturating_add(n), last.max(time));
            // `Release` publishes the effects before the step to `load`. Every other step continues
            // the release sequence.
            match self.state.compare_exchange_weak(seen, next, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => seen = now,
            }
        }
    }

    fn load(&self) -> (u64, u64) {
        unpack(self.state.load(Ordering::Acquire))
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ProgressReading { count, since_last, .. } = self.read();
        f.debug_struct("Progress").field("count", &count).field("since_last", &since_last).finish()
    }
}

fn pack(count: u64, time: u64) -> u128 {
    u128::from(count) << 64 | u128::from(time)
}

#[expect(clippy::cast_possible_truncation, reason = "the halves are extracted")]
fn unpack(state: u128) -> (u64, u64) {
    ((state >> 64) as u64, state as u64)
}

#[cfg(test)]
mod tests {
    use std::{
        hint::black_box,
        sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
        thread,
    };

    use super::*;

    const STEPS: u64 = 100_000;
    const READS: u64 = 10_000;

    #[test]
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    fn is_lock_free_on_server_platforms() {
        assert!(AtomicU128::is_lock_free());
    }

    /// Times are unique numbers here. With `W` writers a consistent pair of `count` and `time` has
    /// `count <= time < count + W`, as all steps are counted but those in flight. Halves of two
    /// states do not fit.
    fn check_pairs_with(writers: u64) {
        let progress = Progress::new();
        let (numbers, running, reads) = (AtomicU64::new(1), AtomicBool::new(true), AtomicU64::new(0));
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let mut before = (0, 0);
                    while running.load(Relaxed) {
                        let (count, time) = progress.load();
                        let pair = count <= time && time < count + writers;
                        if !(pair && before.0 <= count && before.1 <= time) {
                            reads.fetch_add(READS, Relaxed);
                            panic!("{count} at {time}, after {} at {}", before.0, before.1);
                        }
                        before = (count, time);
                        reads.fetch_add(1, Relaxed);
                    }
                });
            }
            let writing: Vec<_> = (0..writers)
                .map(|_| {
                    scope.spawn(|| {
                        // Until the readers have run, even with few processors.
                        while reads.load(Relaxed) < READS || progress.load().0 < STEPS {
                            progress.record(1, numbers.fetch_add(1, Relaxed));
                        }
                    })
                })
                .collect();
            let writing = writing.into_iter().map(thread::ScopedJoinHandle::join).collect::<Vec<_>>();
            running.store(false, Relaxed);
            assert!(writing.iter().all(Result::is_ok));
        });
        let all = numbers.into_inner() - 1;
        assert_eq!(progress.load(), (all, all));
    }

    #[test]
    fn count_and_time_belong_together() {
        check_pairs_with(1);
    }

    #[test]
    fn count_and_time_belong_together_with_many_writers() {
        check_pairs_with(8);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reading_has_the_time_of_the_last_step() {
        let progress = Progress::new();
        let began = Instant::now();
        tokio::time::advance(Duration::from_secs(2)).await;
        let idle = progress.read();
        assert_eq!((idle.count, idle.last, idle.since_last), (0, None, Duration::from_secs(2)));

        progress.step();
        progress.add(9);
        tokio::time::advance(Duration::from_secs(3)).await;
        let moved = progress.read();
        assert_eq!((moved.count, moved.since_last), (10, Duration::from_secs(3)));
        assert_eq!(moved.last, Some(began + Duration::from_secs(2)));
        assert!((moved.rate_since(&idle) - 10.0 / 3.0).abs() < 1e-9);
        assert!(idle.rate_since(&moved).abs() < 1e-9);

        progress.add(0);
        assert_eq!((progress.read().count, progress.read().since_last), (10, Duration::ZERO));
    }

    #[test]
    fn the_count_saturates_and_time_does_not_go_back() {
        let progress = Progress::new();
        progress.record(u64::MAX - 1, 7);
        progress.record(2, 5);
        assert_eq!(progress.load(), (u64::MAX, 7));
        progress.record(1, u64::MAX);
        assert_eq!(progress.load(), (u64::MAX, u64::MAX));
        // Beyond the range of the clock, without a panic.
        assert_eq!(progress.read().since_last, Duration::ZERO);
    }

    /// `cargo test --release -p upbeat --lib cost_of_a_step -- --ignored --nocapture`
    #[test]
    #[ignore = "a measurement"]
    fn cost_of_a_step() {
        fn nanos(step: impl Fn()) -> f64 {
            let begun = std::time::Instant::now();
            (0..10_000_000).for_each(|_| step());
            begun.elapsed().as_secs_f64() * 100.0
        }
        let (progress, plain) = (Progress::new(), AtomicU64::new(0));
        println!("step()                {:.1} ns", nanos(|| progress.step()));
        println!("the clock alone       {:.1} ns", nanos(|| _ = black_box(Instant::now())));
        println!("the 128 bits alone    {:.1} ns", nanos(|| progress.record(1, 1)));
        println!("AtomicU64::fetch_add  {:.1} ns", nanos(|| _ = plain.fetch_add(1, Relaxed)));
        println!("read()                {:.1} ns", nanos(|| _ = black_box(progress.read())));
    }
}
