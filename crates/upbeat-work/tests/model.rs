//! Any pipeline against a sequential model of it. A program of its own: it silences the panic
//! hook.

use std::{collections::VecDeque, sync::Arc};

use proptest::prelude::*;
use upbeat::{diagnostics::Progress, panic::Panic};
use upbeat_work::{
    Pipeline, Section,
    pipeline::{
        Concurrency, ItemFailure, ItemPolicy, PipelineFailure, PipelineReport,
        source::{Source, Split},
        stage::StageChain,
    },
};

/// The action of one of three stages on an item.
#[derive(Clone, Copy, Debug)]
enum Act {
    Add(u64),
    KeepIf(u64),
    FailIf(u64),
    PanicIf(u64),
    Repeat(u64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        (0..9_u64).prop_map(Act::Add),
        (1..7_u64).prop_map(Act::KeepIf),
        (2..40_u64).prop_map(Act::FailIf),
        (2..40_u64).prop_map(Act::PanicIf),
        (0..4_u64).prop_map(Act::Repeat),
    ]
}

#[derive(Clone, Debug)]
struct How {
    items: u64,
    acts: [Act; 3],
    workers: usize,
    window: usize,
    batch: usize,
    ordered: bool,
    /// The sections before the last.
    sections: [Section; 2],
    /// Some items take longer, so that workers overtake one another.
    uneven: bool,
}

fn how() -> impl Strategy<Value = How> {
    let acts = [act(), act(), act()];
    (0..3_000_u64, acts, section(), any::<bool>(), [section(), section()], any::<bool>()).prop_map(
        |(items, acts, (workers, window, batch), ordered, sections, uneven)| {
            let sections = sections.map(|(workers, window, batch)| {
                let section = Section::new().workers(workers).window(window).max_batch(batch).buffer(window);
                if ordered { section } else { section.unordered() }
            });
            How { items, acts, workers, window, batch, ordered, sections, uneven }
        },
    )
}

/// The workers, the window, and the size of a batch.
fn section() -> impl Strategy<Value = (usize, usize, usize)> {
    (1..5_usize, 1..9_usize, 1..300_usize)
}

/// A result of an item: a value, or the failure of a stage.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Came {
    Out(u64),
    Failed { stage: usize, item: u64, panicked: bool },
}

/// Returns the values that the act makes of a value, or `Err(panicked)` for a failure.
fn apply(act: Act, value: u64) -> Result<Vec<u64>, bool> {
    match act {
        Act::Add(n) => Ok(vec![value + n]),
        Act::KeepIf(n) => Ok(if value.is_multiple_of(n) { vec![value] } else { vec![] }),
        Act::FailIf(n) if value % n == 1 => Err(false),
        Act::PanicIf(n) if value % n == 1 => Err(true),
        Act::FailIf(_) | Act::PanicIf(_) => Ok(vec![value]),
        Act::Repeat(n) => Ok((0..n).map(|more| value + more).collect()),
    }
}

/// Runs the acts one after the other, depth first.
///
/// An error affects the current value, and its siblings go on. A panic also ends the values that
/// were still to come of the section's item: those of the first act, if there is a split behind it.
fn model(how: &How, is_split: bool) -> Vec<Came> {
    fn go(acts: &[Act], stage: usize, item: u64, value: u64, came: &mut Vec<Came>, is_split: bool) -> bool {
        let Some(act) = acts.get(stage) else {
            came.push(Came::Out(value));
            return true;
        };
        match apply(*act, value) {
            Ok(values) => {
                let split_here = is_split && stage == 0;
                values.into_iter().all(|value| go(acts, stage + 1, item, value, came, is_split) || split_here)
            }
            Err(panicked) => {
                came.push(Came::Failed { stage, item, panicked });
                !panicked
            }
        }
    }
    let mut came = Vec::new();
    for item in 0..how.items {
        go(&how.acts, 0, item, item, &mut came, is_split);
    }
    came
}

/// Returns an act as the closure of a `try_map`, with a `flat_map` behind it. All three stages are
/// both, so that each combination occurs.
fn step(act: Act) -> impl Fn(u64) -> Result<Vec<u64>, String> + Send + Sync {
    move |value| {
        apply(act, value).map_err(|panicked| {
            assert!(!panicked, "as told");
            "as told".to_owned()
        })
    }
}

fn pipeline(how: &How) -> Pipeline<impl Source<Batch = Vec<u64>>, impl for<'b> StageChain<'b, Vec<u64>, Out = u64>> {
    let [one, two, three] = how.acts;
    let uneven = how.uneven;
    Pipeline::from_iter(0..how.items)
        .inspect(move |item| {
            if uneven && item % 64 == 0 {
                std::thread::yield_now();
            }
        })
        .try_map(step(one))
        .name("0")
        .flat_map(|values| values)
        .try_map(step(two))
        .name("1")
        .flat_map(|values| values)
        .try_map(step(three))
        .name("2")
        .flat_map(|values| values)
}

type Parcel = <Split<'static, Vec<u64>> as Source>::Batch;

/// Returns the same pipeline, with each of the acts in its own section.
fn split(how: &How) -> Pipeline<Split<'static, Vec<u64>>, impl for<'b> StageChain<'b, Parcel, Out = u64> + use<>> {
    let [one, two, three] = how.acts;
    let [front, middle] = how.sections;
    let uneven = how.uneven;
    Pipeline::from_iter(0..how.items)
        .inspect(move |item| {
            if uneven && item % 64 == 0 {
                std::thread::yield_now();
            }
        })
        .try_map(step(one))
        .name("0")
        .flat_map(|values| values)
        .split(front)
        .try_map(step(two))
        .name("1")
        .split(middle)
        .flat_map(|values| values)
        .try_map(step(three))
        .name("2")
        .flat_map(|values| values)
}

/// Returns the same pipeline, with the second act in futures, some of which are not ready at once.
fn concurrent(how: &How) -> Pipeline<Split<'static, Vec<u64>>, impl for<'b> StageChain<'b, Parcel, Out = u64> + use<>> {
    let [one, two, three] = how.acts;
    let [front, _] = how.sections;
    let (two, futures) = (step(two), how.window * 3);
    let concurrency = if how.ordered { Concurrency::ordered(futures) } else { Concurrency::unordered(futures) };
    Pipeline::from_iter(0..how.items)
        .try_map(step(one))
        .name("0")
        .split(front)
        .flat_map(|values| values)
        .try_map_async(concurrency, move |value| {
            let values = two(value);
            async move {
                if value % 3 == 0 {
                    tokio::task::yield_now().await;
                }
                values
            }
        })
        .name("1")
        .flat_map(|values| values)
        .try_map(step(three))
        .name("2")
        .flat_map(|values| values)
}

fn failed(failure: &ItemFailure) -> Came {
    let stage = failure.stage().parse().expect("the name is its number");
    Came::Failed { stage, item: failure.item(), panicked: failure.panic().is_some() }
}

fn is_failed(came: &Came) -> bool {
    matches!(came, Came::Failed { .. })
}

/// Silences the panic hook, which would print thousands of panics.
fn quietly() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|_| {}));
        let _ = Panic::catch(|| ());
    });
}

/// Checks items and failures in one list, so that the position of failures among items counts.
macro_rules! recorded {
    ($pipeline:expr, $how:expr, $expected:expr) => {{
        let (how, mut expected) = ($how, $expected);
        let came = parking_lot::Mutex::new(Vec::new());
        let progress = Arc::new(Progress::new());
        let run = $pipeline
            .for_each(|value| came.lock().push(Came::Out(value)))
            .failures_to(|failure| came.lock().push(failed(&failure)))
            .progress(progress.clone())
            .workers(how.workers)
            .window(how.window)
            .max_batch(how.batch);
        let report = if how.ordered { run.run() } else { run.unordered().run() }.unwrap();
        let mut came = came.into_inner();
        let (panics, failures) = (
            expected.iter().filter(|came| matches!(came, Came::Failed { panicked: true, .. })).count() as u64,
            expected.iter().filter(|came| is_failed(came)).count() as u64,
        );
        prop_assert_eq!(report.taken, how.items);
        prop_assert_eq!((report.failed, report.panicked, report.dropped), (failures, panics, 0));
        prop_assert_eq!(report.emitted + failures, expected.len() as u64);
        if !how.ordered {
            came.sort();
            expected.sort();
        }
        prop_assert_eq!(came, expected);
        progress.read().count
    }};
}

macro_rules! passed_along {
    ($pipeline:expr, $how:expr, $expected:expr) => {{
        let (how, mut expected) = ($how, $expected);
        let run = $pipeline
            .failures_as_items()
            .map(|passed| passed.map_or_else(|failure| failed(&failure), Came::Out))
            .collect()
            .workers(how.workers)
            .window(how.window)
            .max_batch(how.batch);
        let mut report = if how.ordered { run.run() } else { run.unordered().run() }.unwrap();
        if !how.ordered {
            report.output.sort();
            expected.sort();
        }
        prop_assert_eq!(report.failures_as_items, expected.iter().filter(|came| is_failed(came)).count() as u64);
        prop_assert_eq!(report.failed, 0);
        prop_assert_eq!(report.output, expected);
    }};
}

macro_rules! stopped_at_the_first {
    ($pipeline:expr, $how:expr, $expected:expr) => {{
        let (how, expected) = ($how, $expected);
        let first = expected.iter().position(is_failed);
        let ended = $pipeline
            .collect()
            .on_failure(ItemPolicy::Stop)
            .workers(how.workers)
            .window(how.window)
            .max_batch(how.batch)
            .run();
        let came: Vec<Came> = match ended {
            Ok(PipelineReport { output, .. }) => output.into_iter().map(Came::Out).collect(),
            Err(error) => {
                let (cause, report) = error.into_parts();
                let PipelineFailure::Item(failure) = cause else { panic!("{cause:?}") };
                let report = report.unwrap();
                prop_assert_eq!(report.failed, 1);
                prop_assert_eq!(report.emitted, report.output.len() as u64);
                report.output.into_iter().map(Came::Out).chain([failed(&failure)]).collect()
            }
        };
        prop_assert_eq!(came, &expected[..first.map_or(expected.len(), |at| at + 1)]);
    }};
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn recorded_failures_and_items_are_those_of_the_model(how in how()) {
        quietly();
        let progress = recorded!(pipeline(&how), &how, model(&how, false));
        prop_assert_eq!(progress, how.items);
    }

    #[test]
    fn recorded_failures_and_items_are_those_of_the_model_with_splits(how in how()) {
        quietly();
        recorded!(split(&how), &how, model(&how, true));
    }

    #[test]
    fn recorded_failures_and_items_are_those_of_the_model_with_futures(how in how()) {
        quietly();
        recorded!(concurrent(&how), &how, model(&how, true));
    }

    #[test]
    fn failures_as_items_keep_their_positions(how in how()) {
        quietly();
        passed_along!(pipeline(&how), &how, model(&how, false));
    }

    #[test]
    fn failures_as_items_keep_their_positions_with_splits(how in how()) {
        quietly();
        passed_along!(split(&how), &how, model(&how, true));
    }

    #[test]
    fn failures_as_items_keep_their_positions_with_futures(how in how()) {
        quietly();
        passed_along!(concurrent(&how), &how, model(&how, true));
    }

    #[test]
    fn the_first_failure_stops_the_pipeline(how in how()) {
        quietly();
        stopped_at_the_first!(pipeline(&how), &how, model(&how, false));
    }

    #[test]
    fn the_first_failure_stops_the_pipeline_with_splits(how in how()) {
        quietly();
        prop_assume!(how.ordered);
        stopped_at_the_first!(split(&how), &how, model(&how, true));
    }

    #[test]
    fn the_first_failure_stops_the_pipeline_with_futures(how in how()) {
        quietly();
        prop_assume!(how.ordered);
        stopped_at_the_first!(concurrent(&how), &how, model(&how, true));
    }

    /// Lines of any length, read in pieces of any length, and written unchanged.
    #[test]
    fn lines_and_blocks_are_the_bytes_of_the_reader(
        lines in prop::collection::vec("[a-z]{0,40}\r?", 0..200),
        ended in any::<bool>(),
        reads in prop::collection::vec(1..5_000_usize, 1..20),
        (workers, batch, skipped) in (1..4_usize, 1..500_usize, 0..3_usize),
    ) {
        let mut text = lines.join("\n");
        if ended && !lines.is_empty() {
            text.push('\n');
        }
        let pieces = || Pieces { text: text.as_bytes(), reads: reads.iter().copied().collect() };
        let expected: Vec<_> = text.lines().skip(skipped).map(str::to_owned).collect();
        let run = Pipeline::lines(pieces())
            .skip_lines(skipped as u64)
            .try_map(|line: &[u8]| String::from_utf8(line.to_vec()))
            .collect().workers(workers).max_batch(batch)
            .run().unwrap();
        prop_assert_eq!(&run.output, &expected);
        prop_assert_eq!(run.taken, expected.len() as u64);
        let run = Pipeline::blocks(pieces())
            .write(Vec::new(), |block: &[u8], out: &mut Vec<u8>| { out.extend_from_slice(block); Ok::<_, String>(()) })
            .workers(workers).max_batch(batch)
            .run().unwrap();
        prop_assert_eq!(run.output, text.as_bytes());
    }

    /// The bytes of an item that fails are removed, and the others are written whole.
    #[test]
    fn nothing_is_written_of_an_item_that_fails(items in 0..2_000_u64, bad in 1..9_u64, workers in 1..4_usize) {
        quietly();
        let report = Pipeline::from_iter(0..items)
            .write(Vec::new(), |item, out: &mut Vec<u8>| {
                out.extend_from_slice(format!("{item}\n").as_bytes());
                assert!(item % bad != 1, "as told");
                if item % bad == 2 { Err("as told") } else { Ok(()) }
            })
            .name("write")
            .workers(workers)
            .run().unwrap();
        let good: Vec<_> = (0..items).filter(|item| item % bad != 1 && item % bad != 2).collect();
        let text = good.iter().fold(String::new(), |text, item| text + &item.to_string() + "\n");
        prop_assert_eq!(String::from_utf8(report.output).unwrap(), text);
        prop_assert_eq!(report.emitted, good.len() as u64);
        prop_assert_eq!(report.failed, items - good.len() as u64);
        prop_assert!(report.failures.iter().all(|failure| failure.stage() == "write"));
    }
}

/// A reader that returns pieces of given lengths.
struct Pieces<'a> {
    text: &'a [u8],
    reads: VecDeque<usize>,
}

impl std::io::Read for Pieces<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let most = self.reads.pop_front().unwrap_or(1);
        self.reads.push_back(most);
        let most = most.min(into.len());
        self.text.read(&mut into[..most])
    }
}
