//! Stops of all kinds at any time: the pipeline ends, and each item is counted.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use proptest::prelude::*;
use tokio::sync::mpsc;
use upbeat_work::{
    OnStop, Pipeline, PipelineError, Section,
    pipeline::{Concurrency, PipelineFailure, PipelineReport, StopHandle},
};

#[derive(Clone, Copy, Debug)]
enum Place {
    Source,
    Stage,
    Sink,
}

#[derive(Clone, Copy, Debug)]
enum Shape {
    One,
    Split,
    Futures,
    Both,
}

#[derive(Clone, Copy, Debug)]
struct Script {
    shape: Shape,
    /// The place and the item at which the pipeline is stopped, and the kind of stop.
    place: Place,
    at: usize,
    how: OnStop,
    /// A second stop, a little later.
    then: Option<(usize, OnStop)>,
    /// The item at which the sink fails.
    fails: Option<usize>,
    workers: [usize; 2],
    window: usize,
    batch: usize,
    ordered: bool,
}

fn script() -> impl Strategy<Value = Script> {
    let shape = prop_oneof![Just(Shape::One), Just(Shape::Split), Just(Shape::Futures), Just(Shape::Both)];
    let place = prop_oneof![Just(Place::Source), Just(Place::Stage), Just(Place::Sink)];
    let how = || prop_oneof![Just(OnStop::Finish), Just(OnStop::Drop)];
    let then = prop::option::of((0..200_usize, how()));
    let fails = prop::option::weighted(0.3, 0..400_usize);
    let size = ([1..4_usize, 1..4_usize], 1..6_usize, 1..20_usize, any::<bool>());
    (shape, place, 0..300_usize, how(), then, fails, size).prop_map(
        |(shape, place, at, how, then, fails, (workers, window, batch, ordered))| Script {
            shape,
            place,
            at,
            how,
            then,
            fails,
            workers,
            window,
            batch,
            ordered,
        },
    )
}

struct Item {
    number: usize,
    _live: Arc<()>,
}

/// Requests the stops of the script as items pass.
struct Stops {
    script: Script,
    handle: OnceLock<StopHandle>,
    passed: AtomicUsize,
}

impl Stops {
    fn pass(&self, place: Place) {
        if std::mem::discriminant(&place) != std::mem::discriminant(&self.script.place) {
            return;
        }
        let passed = self.passed.fetch_add(1, SeqCst);
        let stop = |how| self.handle.wait().stop(how);
        if passed == self.script.at {
            stop(self.script.how);
        }
        match self.script.then {
            Some((later, how)) if passed == self.script.at + later => stop(how),
            _ => {}
        }
    }
}

type Ended = Result<PipelineReport<()>, PipelineError<()>>;

/// `in_between` is the number of items that may have been accepted while all items were dropped.
fn check(script: Script, made: usize, in_between: u64, live: &Arc<()>, ended: Ended) -> Result<(), TestCaseError> {
    prop_assert_eq!(Arc::strong_count(live), 1, "an item is left");
    match ended {
        Ok(report) => {
            prop_assert!(report.stopped, "the source has no end: {}", report);
            prop_assert_eq!(report.taken, report.emitted + report.dropped, "{}", report);
            let drops = script.how == OnStop::Drop || matches!(script.then, Some((_, OnStop::Drop)));
            prop_assert!(drops || report.dropped == 0, "{}", report);
            let unseen = (made as u64).checked_sub(report.taken);
            prop_assert!(
                unseen <= Some(if drops { in_between } else { 0 }) && unseen.is_some(),
                "of {}: {}",
                made,
                report
            );
        }
        Err(error) => {
            prop_assert!(matches!(error.cause(), PipelineFailure::Sink(_)) && script.fails.is_some(), "{:?}", error);
        }
    }
    Ok(())
}

macro_rules! play {
    ($source:expr, $script:expr, $stops:expr) => {{
        let (script, stops): (Script, &Stops) = ($script, $stops);
        let source = $source.inspect(|_| stops.pass(Place::Stage));
        let front = Section::new().workers(script.workers[0]).window(script.window).max_batch(script.batch);
        let front = if script.ordered { front } else { front.unordered() };
        let limit = if script.ordered { Concurrency::ordered } else { Concurrency::unordered };
        let futures = limit(script.window);
        let waits = async |item: Item| {
            if item.number % 3 == 0 {
                tokio::task::yield_now().await;
            }
            item
        };
        match script.shape {
            Shape::One => last!(source, script, stops),
            Shape::Split => last!(source.split(front), script, stops),
            Shape::Futures => last!(source.map_async(futures, waits), script, stops),
            Shape::Both => last!(source.split(front).map_async(futures, waits).split(front), script, stops),
        }
    }};
}

macro_rules! last {
    ($pipeline:expr, $script:expr, $stops:expr) => {{
        let (script, mut given) = ($script, 0);
        let run = $pipeline.try_for_each(|_item: Item| {
            given += 1;
            $stops.pass(Place::Sink);
            if Some(given) == script.fails { Err("full") } else { Ok(()) }
        });
        let run = run.workers(script.workers[1]).window(script.window).max_batch(script.batch);
        let run = if script.ordered { run } else { run.unordered() };
        $stops.handle.set(run.stop_handle()).unwrap();
        run.run()
    }};
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_item_of_an_iterator_is_counted(script in script()) {
        let stops = Stops { script, handle: OnceLock::new(), passed: AtomicUsize::new(0) };
        let (made, live) = (AtomicUsize::new(0), Arc::new(()));
        let source = Pipeline::generate(|| {
            stops.pass(Place::Source);
            Some(Item { number: made.fetch_add(1, SeqCst), _live: live.clone() })
        });
        let ended = play!(source, script, &stops);
        check(script, made.load(SeqCst), 0, &live, ended)?;
    }

    /// The channel always has more items than are taken, and its sender fails once it is closed.
    #[test]
    fn each_item_that_a_channel_accepts_is_counted(script in script()) {
        let stops = Stops { script, handle: OnceLock::new(), passed: AtomicUsize::new(0) };
        let (sent, live) = (AtomicUsize::new(0), Arc::new(()));
        let (orders, incoming) = mpsc::channel(16);
        let ended = std::thread::scope(|scope| {
            scope.spawn(|| {
                let (orders, mut number) = (orders, 0);
                loop {
                    stops.pass(Place::Source);
                    let item = Item { number, _live: live.clone() };
                    if orders.blocking_send(item).is_err() {
                        break;
                    }
                    number += 1;
                    sent.fetch_add(1, SeqCst);
                }
            });
            play!(Pipeline::from_channel(incoming), script, &stops)
        });
        // The sender may have been about to send one item.
        check(script, sent.load(SeqCst), 1, &live, ended)?;
    }
}
