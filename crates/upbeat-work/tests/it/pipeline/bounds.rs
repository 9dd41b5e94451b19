//! The settings bound the items in memory, whatever the speeds.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use proptest::prelude::*;
use upbeat_work::{
    Pipeline, Section,
    pipeline::{Concurrency, connection},
};

const ITEMS: usize = 3_000;

/// The number of items that exist, and the highest number so far.
#[derive(Default)]
struct Count {
    made: AtomicUsize,
    live: AtomicUsize,
    most: AtomicUsize,
}

struct Counted {
    count: Arc<Count>,
    number: usize,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.count.live.fetch_sub(1, SeqCst);
    }
}

impl Count {
    fn source(self: &Arc<Self>, speed: Speed) -> impl FnMut() -> Option<Counted> + Send + use<> {
        let count = self.clone();
        move || {
            let number = count.made.fetch_add(1, SeqCst);
            if number >= ITEMS {
                return None;
            }
            speed.pass(number);
            count.most.fetch_max(count.live.fetch_add(1, SeqCst) + 1, SeqCst);
            Some(Counted { count: count.clone(), number })
        }
    }

    /// Returns a sink that stalls once, until nothing moves.
    fn sink(self: &Arc<Self>, speed: Speed, stalls_at: usize) -> impl FnMut(Counted) + Send + use<> {
        let count = self.clone();
        let mut given = 0;
        move |item| {
            given += 1;
            speed.pass(item.number);
            if given == stalls_at {
                let (mut before, mut since) = (0, Instant::now());
                while since.elapsed() < Duration::from_millis(20) {
                    let now = count.made.load(SeqCst);
                    if now != before {
                        (before, since) = (now, Instant::now());
                    }
                    thread::yield_now();
                }
            }
        }
    }

    fn check(&self, bound: usize) -> Result<(), TestCaseError> {
        let most = self.most.load(SeqCst);
        prop_assert!(most <= bound, "{most} live items, and the bound is {bound}");
        prop_assert_eq!(self.live.load(SeqCst), 0);
        Ok(())
    }
}

/// The time that an item takes.
#[derive(Clone, Copy, Debug)]
enum Speed {
    Fast,
    /// A moment for each item.
    Even,
    /// A longer time for some items.
    Uneven,
}

impl Speed {
    fn pass(self, number: usize) {
        let turns = match self {
            Self::Even => 2,
            Self::Uneven if number.is_multiple_of(97) => 100,
            Self::Fast | Self::Uneven => 0,
        };
        for _ in 0..turns {
            thread::yield_now();
        }
    }
}

fn speed() -> impl Strategy<Value = Speed> {
    prop_oneof![Just(Speed::Fast), Just(Speed::Even), Just(Speed::Uneven)]
}

#[derive(Clone, Copy, Debug)]
struct Size {
    workers: usize,
    window: usize,
    batch: usize,
    ordered: bool,
}

impl Size {
    fn section(self) -> Section {
        let section = Section::new().workers(self.workers).window(self.window).max_batch(self.batch);
        if self.ordered { section } else { section.unordered() }
    }

    fn bound(self) -> usize {
        self.window * self.batch
    }
}

fn size() -> impl Strategy<Value = Size> {
    (1..4_usize, 1..7_usize, 1..30_usize, any::<bool>()).prop_map(|(workers, window, batch, ordered)| Size {
        workers,
        window,
        batch,
        ordered,
    })
}

/// The speeds of source, stage and sink, and the item at which the sink stalls.
fn speeds() -> impl Strategy<Value = ([Speed; 3], usize)> {
    ([speed(), speed(), speed()], 1..ITEMS)
}

macro_rules! run {
    ($pipeline:expr, $size:expr) => {{
        let run = $pipeline.workers($size.workers).window($size.window).max_batch($size.batch);
        let report = if $size.ordered { run.run() } else { run.unordered().run() }.unwrap();
        prop_assert_eq!(report.emitted, ITEMS as u64);
    }};
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_pipeline_holds_its_window_of_batches(size in size(), (speeds, stalls_at) in speeds()) {
        let count = Arc::new(Count::default());
        let run = Pipeline::generate(count.source(speeds[0]))
            .inspect(|item| speeds[1].pass(item.number))
            .for_each(count.sink(speeds[2], stalls_at));
        run!(run, size);
        count.check(size.bound())?;
    }

    #[test]
    fn sections_hold_their_windows_and_buffers(
        (front, last, joint) in (size(), size(), 1..4_usize), (speeds, stalls_at) in speeds(),
    ) {
        let count = Arc::new(Count::default());
        let run = Pipeline::generate(count.source(speeds[0]))
            .split(front.section().buffer(joint))
            .inspect(|item| speeds[1].pass(item.number))
            .for_each(count.sink(speeds[2], stalls_at));
        run!(run, last);
        // One more batch is the one that the last section takes apart.
        count.check(front.bound() + (joint + 1) * front.batch + last.bound())?;
    }

    #[test]
    fn futures_hold_a_few_times_their_bound(
        (futures, ordered, last) in (1..40_usize, any::<bool>(), size()), (speeds, stalls_at) in speeds(),
    ) {
        let count = Arc::new(Count::default());
        let concurrency = if ordered { Concurrency::ordered(futures) } else { Concurrency::unordered(futures) };
        let run = Pipeline::generate(count.source(speeds[0]))
            .map_async(concurrency, async |item| {
                if matches!(speeds[1], Speed::Even) || item.number.is_multiple_of(97) {
                    tokio::task::yield_now().await;
                }
                item
            })
            .for_each(count.sink(speeds[2], stalls_at));
        run!(run, last);
        count.check(7 * futures + last.bound())?;
    }

    #[test]
    fn connected_pipelines_hold_their_windows_and_the_connection(
        (front, back, room) in (size(), size(), 1..50_usize), (speeds, stalls_at) in speeds(),
    ) {
        let count = Arc::new(Count::default());
        let (inlet, outlet) = connection(room);
        let send = Pipeline::generate(count.source(speeds[0])).send_to(inlet);
        let send = send.workers(front.workers).window(front.window).max_batch(front.batch);
        let receive = Pipeline::from_connection(outlet)
            .inspect(|item| speeds[1].pass(item.number))
            .for_each(count.sink(speeds[2], stalls_at));
        thread::scope(|scope| {
            scope.spawn(|| send.run().unwrap());
            run!(receive, back);
            Ok(())
        })?;
        count.check(front.bound() + room + back.bound())?;
    }
}
