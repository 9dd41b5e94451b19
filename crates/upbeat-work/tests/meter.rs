//! Readings of meters. A program of its own: it measures times.

use std::{
    hint::black_box,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};
use upbeat::{BoxError, Conductor, Context, Part};
use upbeat_work::{
    OnStop, Pipeline, Section,
    pipeline::{Bottleneck, Meter, MeterReading},
};

const LONG: Duration = Duration::from_secs(20);

/// Waits without using a processor.
fn pause(time: Duration) {
    let unused = Mutex::new(());
    Condvar::new().wait_for(&mut unused.lock(), time);
}

fn hash(n: u64, turns: u64) -> u64 {
    (0..turns).fold(n, |hash, n| black_box(hash.wrapping_mul(31) ^ n))
}

fn stage<'a>(reading: &'a MeterReading, name: &str) -> &'a upbeat_work::pipeline::StageReading {
    let stages = reading.sections.iter().flat_map(|section| &section.stages);
    stages.into_iter().find(|stage| &*stage.name == name).expect("the stage exists")
}

fn is_stage(reading: &MeterReading, name: &str) -> bool {
    reading.bottleneck() == Some(Bottleneck::Stage(name.into()))
}

fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < LONG, "never: {what}");
        pause(Duration::from_millis(1));
    }
}

#[test]
fn the_slowest_stage_is_the_bottleneck() {
    // Costly items, all of which are timed, and cheap ones, of which a few are.
    for (items, turns) in [(200, 20_000), (300_000, 50)] {
        let run = Pipeline::from_iter(0..items)
            .map(|n| hash(n, turns))
            .name("light")
            .map(|n| hash(n, turns * 10))
            .name("heavy")
            .for_each(|n| _ = black_box(n))
            .workers(2);
        let meter = run.meter();
        run.run().unwrap();
        let reading = meter.read();
        assert!(is_stage(&reading, "heavy"), "{reading:#?}");
        let (light, heavy) = (stage(&reading, "light"), stage(&reading, "heavy"));
        assert!(heavy.share > 0.6 && light.share < 0.4 && light.share > 0.01, "{reading:#?}");
        assert!(heavy.per_item > light.per_item * 2 && light.per_item > Duration::ZERO, "{reading:#?}");
        // The activities cover the workers' time.
        let section = &reading.sections[0];
        assert!(
            section.working > 0.3 && section.working + section.awaiting_source + section.awaiting_window < 1.01,
            "{reading:#?}"
        );
        assert!((0.0..=1.0).contains(&section.source) && section.source < section.working, "{reading:#?}");
    }
}

#[test]
fn a_slow_source_or_sink_is_the_bottleneck() {
    let slow = (0..50).inspect(|_| pause(Duration::from_millis(2)));
    let run = Pipeline::from_iter(slow).map(|n| n + 1).for_each(drop).workers(3);
    let meter = run.meter();
    run.run().unwrap();
    assert_eq!(meter.read().bottleneck(), Some(Bottleneck::Source), "{meter:#?}");

    let run = Pipeline::from_iter(0..50).map(|n| n + 1).for_each(|_| pause(Duration::from_millis(2))).workers(3);
    let meter = run.meter();
    run.run().unwrap();
    assert_eq!(meter.read().bottleneck(), Some(Bottleneck::Sink), "{meter:#?}");
}

#[test]
fn the_counts_of_a_reading_are_those_of_the_report() {
    let run = Pipeline::from_iter(0..10_000)
        .try_map(|n| if n % 10 == 3 { Err("bad") } else { Ok(n) })
        .split(Section::new().workers(2))
        .collect();
    let meter = run.meter();
    let report = run.run().unwrap();
    let reading = meter.read();
    assert_eq!(
        (reading.taken, reading.emitted, reading.failed, reading.dropped),
        (report.taken, report.emitted, report.failed, report.dropped)
    );
    assert!(reading.elapsed > Duration::ZERO && reading.rate() > 0.0);
    assert_eq!(reading.elapsed, meter.read().elapsed, "the run has ended");
}

#[test]
fn dropped_items_are_counted_too() {
    let run = Pipeline::generate(|| Some(())).for_each(|()| pause(Duration::from_millis(1))).workers(2);
    let (meter, stop) = (run.meter(), run.stop_handle());
    let report = thread::scope(|scope| {
        scope.spawn(|| {
            eventually("some are in flight", || meter.read().sections.iter().any(|section| section.in_flight > 2));
            stop.stop(OnStop::Drop);
        });
        run.run().unwrap()
    });
    let reading = meter.read();
    assert!(report.dropped > 0);
    assert_eq!((reading.taken, reading.dropped), (report.taken, report.dropped));
}

#[test]
fn futures_have_a_load() {
    let run = Pipeline::from_iter(0..100)
        .map_async(4, async |n| {
            tokio::time::sleep(Duration::from_millis(5)).await;
            n
        })
        .name("fetch")
        .collect();
    let meter = run.meter();
    run.run().unwrap();
    let reading = meter.read();
    assert_eq!(reading.sections.len(), 3);
    assert!(is_stage(&reading, "fetch"), "{reading:#?}");
    let fetch = stage(&reading, "fetch");
    assert!(fetch.per_item >= Duration::from_millis(5) && fetch.load > 0.5, "{reading:#?}");
    assert_eq!((reading.sections[1].window, reading.sections[1].buffer), (4, Some((0, 1))));
}

#[test]
fn an_activity_is_counted_before_it_ends() {
    let (orders, incoming) = tokio::sync::mpsc::channel::<()>(1);
    let run = Pipeline::from_channel(incoming).for_each(drop).workers(2);
    let meter = run.meter();
    assert_eq!(meter.read().elapsed, Duration::ZERO);
    let waits = |meter: &Meter| {
        let reading = meter.read();
        reading.bottleneck() == Some(Bottleneck::Source) && reading.sections[0].source > 0.9
    };
    thread::scope(|scope| {
        scope.spawn(|| run.run().unwrap());
        eventually("it waits for the source all the time", || waits(&meter));
        drop(orders);
    });
}

#[test]
fn a_full_window_and_a_full_buffer_are_read_as_full() {
    let is_open = AtomicBool::new(false);
    let run = Pipeline::from_iter(0..1_000)
        .split(Section::new().workers(1).window(3).max_batch(2).buffer(2))
        .for_each(|_| eventually("open", || is_open.load(SeqCst)))
        .workers(1)
        .window(2)
        .max_batch(1);
    let meter = run.meter();
    thread::scope(|scope| {
        scope.spawn(|| run.run().unwrap());
        eventually("full", || {
            let reading = meter.read();
            let [front, _] = &reading.sections[..] else { return false };
            front.buffer == Some((2, 2)) && front.sink > 0.5
        });
        is_open.store(true, SeqCst);
    });
    let reading = meter.read();
    assert_eq!((reading.sections[0].buffer, reading.sections[0].in_flight), (Some((0, 2)), 0), "{reading:#?}");
}

#[tokio::test]
async fn the_status_of_a_player_is_a_reading() {
    let seen = Arc::new(Mutex::new(String::new()));
    let player = {
        let seen = seen.clone();
        upbeat::once(async move |cx: Context| {
            let watcher = cx.clone();
            let run = Pipeline::generate(|| Some(1_u64)).map(|n| hash(n, 2_000)).name("hash").for_each(drop);
            let tell = async {
                loop {
                    let snapshot = format!("{:?}", watcher.overview().snapshot());
                    if snapshot.contains(" items, ") {
                        *seen.lock() = snapshot;
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            };
            let (ran, ()) = tokio::join!(run.workers(1).run_in(&cx), tell);
            cx.note(ran?);
            Ok::<_, BoxError>(())
        })
    };
    let told = {
        let seen = seen.clone();
        async move {
            while seen.lock().is_empty() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    };
    let conductor = Conductor::new("work").part(Part::new("hasher", player));
    let report = tokio::time::timeout(LONG, conductor.play_until(told)).await.expect("there is a status every second");
    assert!(report.is_clean(), "{report}");
    let seen = seen.lock();
    assert!(seen.contains("/s, ") && seen.contains(" % in hash, window "), "{seen}");
}
