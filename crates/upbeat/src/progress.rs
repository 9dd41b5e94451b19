//! How far work has come, and when it last moved.

use std::{fmt, sync::atomic::Ordering, time::Duration};

use portable_atomic::AtomicU128;
use tokio::time::Instant;

/// A lock-free meter of progress: work counts its steps, and anybody reads how many there were and when the last one was.
///
/// It stands alone: share it by reference or in an `Arc`. Whoever watches compares two readings, or looks at
/// [`since_last`](ProgressReading::since_last) of one. The idea is that of the progress that actors record in quickwit-actors; this one
/// counts as well, so that "slow" and "stuck" are two things.
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use upbeat::Progress;
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
/// A reading is consistent: its count and its time belong together, with any number of writers and readers. Later readings of one thread
/// never show a smaller count or an earlier time. Nobody waits for anybody: a thread that is suspended within a step or a reading
/// holds up no other. What a thread did before a step is visible to whoever has read a count that includes it.
///
/// # Not guaranteed
///
/// When several threads step at the same time, the time of the last step is the latest of theirs, whichever is counted last. The count
/// stays at `u64::MAX` when it arrives there. On an x86-64 processor without `cmpxchg16b` (those from before 2006) and on
/// platforms without 128-bit atomics a lock takes the place of the atomic.
///
/// # Time
///
/// Times are those of [`tokio::time::Instant`], so that a test with a paused clock decides what "stuck" means. Outside of a tokio runtime, and in
/// every product, that is the clock of the standard library; no runtime is needed.
///
/// # Cost
///
/// A step reads the clock and makes one compare-and-swap of 128 bits. On the machine that this was written on a step took 31 ns, 22 of them
/// for the clock, and an `AtomicU64::fetch_add` 5 ns. Work with steps of nanoseconds counts some of its own and
/// [adds](Progress::add) them together.
pub struct Progress {
    /// Where the time in `state` counts from. Of the meter's own, since a paused clock is no other runtime's.
    began: Instant,
    /// Count and time as one value: two atomics could be read one before and one after a step.
    state: AtomicU128,
}

// It may sit in the middle of other structures: no larger than its two words of count and time, and the beginning.
const _: () = assert!(size_of::<Progress>() <= 32);

/// What a [`Progress`] showed at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProgressReading {
    /// How much was counted.
    pub count: u64,
    /// When the last step was; `None` if there was none.
    pub last: Option<Instant>,
    /// How long ago that was. Without a step, how long ago the meter was made: work that never begins is stuck too.
    pub since_last: Duration,
    /// When this was read.
    pub at: Instant,
}

impl ProgressReading {
    /// How much was counted per second since an `earlier` reading of the same meter; zero if no time has passed, or if it is not an earlier one.
    ///
    /// ```
    /// # use upbeat::Progress;
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
    /// A meter that has counted nothing.
    pub fn new() -> Self {
        Self { began: Instant::now(), state: AtomicU128::new(0) }
    }

    /// Counts one, now.
    pub fn step(&self) {
        self.add(1);
    }

    /// Counts `n` at once, now. `add(0)` counts nothing and is a sign of life all the same: it sets the time.
    pub fn add(&self, n: u64) {
        let nanos = self.began.elapsed().as_nanos();
        // Zero says that there was no step. Five centuries fit.
        self.record(n, u64::try_from(nanos).map_or(u64::MAX, |nanos| nanos.saturating_add(1)));
    }

    /// What the meter shows.
    pub fn read(&self) -> ProgressReading {
        let (count, time) = self.load();
        let last = time.checked_sub(1).and_then(|nanos| self.began.checked_add(Duration::from_nanos(nanos)));
        // Read after the state, so that the last step is not later than now.
        let at = Instant::now();
        ProgressReading { count, last, since_last: at.saturating_duration_since(last.unwrap_or(self.began)), at }
    }

    fn record(&self, n: u64, time: u64) {
        let mut seen = self.state.load(Ordering::Relaxed);
        loop {
            let (count, last) = unpack(seen);
            // A thread that read the clock earlier than another may get here later.
            let next = pack(count.saturating_add(n), last.max(time));
            // `Release` publishes what the work did before the step to `load`; every other step continues what this one released.
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

#[expect(clippy::cast_possible_truncation, reason = "the halves are what is wanted")]
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
    const LOOKS: u64 = 10_000;

    #[test]
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    fn it_is_lock_free_where_services_run() {
        assert!(AtomicU128::is_lock_free());
    }

    /// Times are tickets, so with `W` writers a consistent pair of `count` and `time` has `count <= time < count + W`:
    /// all but those in flight are counted. Half of an older and half of a newer state do not fit.
    fn pairs_hold_with(writers: u64) {
        let progress = Progress::new();
        let (tickets, running, looked) = (AtomicU64::new(1), AtomicBool::new(true), AtomicU64::new(0));
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let mut before = (0, 0);
                    while running.load(Relaxed) {
                        let (count, time) = progress.load();
                        let pair = count <= time && time < count + writers;
                        if !(pair && before.0 <= count && before.1 <= time) {
                            looked.fetch_add(LOOKS, Relaxed);
                            panic!("{count} at {time}, after {} at {}", before.0, before.1);
                        }
                        before = (count, time);
                        looked.fetch_add(1, Relaxed);
                    }
                });
            }
            let writing: Vec<_> = (0..writers)
                .map(|_| {
                    scope.spawn(|| {
                        // Until the readers have had their part, however few the processors.
                        while looked.load(Relaxed) < LOOKS || progress.load().0 < STEPS {
                            progress.record(1, tickets.fetch_add(1, Relaxed));
                        }
                    })
                })
                .collect();
            let writing = writing.into_iter().map(thread::ScopedJoinHandle::join).collect::<Vec<_>>();
            running.store(false, Relaxed);
            assert!(writing.iter().all(Result::is_ok));
        });
        let all = tickets.into_inner() - 1;
        assert_eq!(progress.load(), (all, all));
    }

    #[test]
    fn count_and_time_belong_together() {
        pairs_hold_with(1);
    }

    #[test]
    fn count_and_time_belong_together_with_many_writers() {
        pairs_hold_with(8);
    }

    #[tokio::test(start_paused = true)]
    async fn readings_tell_when_it_moved() {
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
    fn the_count_stays_at_its_end_and_time_does_not_go_back() {
        let progress = Progress::new();
        progress.record(u64::MAX - 1, 7);
        progress.record(2, 5);
        assert_eq!(progress.load(), (u64::MAX, 7));
        progress.record(1, u64::MAX);
        assert_eq!(progress.load(), (u64::MAX, u64::MAX));
        // Past the end of time, but not a panic.
        assert_eq!(progress.read().since_last, Duration::ZERO);
    }

    /// `cargo test --release -p upbeat --lib what_a_step_costs -- --ignored --nocapture`
    #[test]
    #[ignore = "a measurement"]
    fn what_a_step_costs() {
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
