//! Pipelines of several sections.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use tokio::{sync::mpsc, time::timeout};
use upbeat::{BoxError, Conductor, Context, Part};
use upbeat_work::{
    OnStop, Pipeline, Section,
    pipeline::{ItemPolicy, PipelineFailure, StopHandle},
};

use super::common::{LONG, pause, settle};

/// Returns a section with small batches, so that many are in flight at the same time.
fn small(workers: usize) -> Section {
    Section::new().workers(workers).max_batch(3).window(4)
}

#[test]
fn each_section_has_its_own_workers() {
    let (now, most) = ([AtomicUsize::new(0), AtomicUsize::new(0)], [AtomicUsize::new(0), AtomicUsize::new(0)]);
    let at = |section: usize| {
        most[section].fetch_max(now[section].fetch_add(1, SeqCst) + 1, SeqCst);
        pause(Duration::from_millis(3));
        now[section].fetch_sub(1, SeqCst);
    };
    let report = Pipeline::from_iter(0..60)
        .inspect(|_| at(0))
        .split(Section::new().workers(3))
        .inspect(|_| at(1))
        .collect()
        .workers(2)
        .run()
        .unwrap();
    assert!(report.output.into_iter().eq(0..60));
    assert_eq!(most.map(AtomicUsize::into_inner), [3, 2]);
}

#[test]
fn a_costly_section_splits_the_large_batches_of_a_cheap_one() {
    let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let numbers = Pipeline::from_iter(0..20_000).split(Section::new().workers(1));
    // Only the last items are costly, when batches have become large.
    let run = numbers.inspect(|&n| {
        if n >= 19_990 {
            most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
            pause(Duration::from_millis(20));
            now.fetch_sub(1, SeqCst);
        }
    });
    let report = run.for_each(drop).workers(4).max_batch(2).run().unwrap();
    assert_eq!(report.emitted, 20_000);
    assert!(most.into_inner() >= 3, "one worker took a whole batch of the front");
}

#[test]
fn a_failure_is_the_same_in_all_sections() {
    for front in [Section::new(), small(3)] {
        let orders = (0..1_000).map(|n| (format!("order {n}"), n));
        let report = Pipeline::from_iter(orders)
            .context(|(id, _)| id.clone())
            .flat_map(|(_, n)| [n, n + 1])
            .try_map(|n| if n == 500 { Err("before") } else { Ok(n) })
            .name("first")
            .split(front)
            .filter(|n| n % 2 == 0)
            .split(small(2))
            .map(|n| {
                assert!(n != 600, "behind");
                n
            })
            .name("second")
            .collect()
            .run()
            .unwrap();
        let said: Vec<_> = report.failures.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "item 499 failed in first (order 499)",
                "item 500 failed in first (order 500)",
                "item 599 failed in second (order 599)",
                "item 600 failed in second (order 600)",
            ]
        );
        assert_eq!((report.taken, report.failed, report.panicked), (1_000, 4, 2));
    }
}

#[test]
fn the_end_of_a_section_ends_those_before_it() {
    let numbers = || {
        let taken = Arc::new(AtomicUsize::new(0));
        let count = taken.clone();
        (taken, Pipeline::generate(move || Some(count.fetch_add(1, SeqCst))))
    };
    // None of the sources ever ends by itself.
    let (_, endless) = numbers();
    let run = endless.split(small(2)).split(small(1)).try_for_each(|n| if n == 500 { Err("full") } else { Ok(()) });
    let (cause, report) = run.run().unwrap_err().into_parts();
    assert!(matches!(&cause, PipelineFailure::Sink(error) if error.to_string() == "full"), "{cause:?}");
    assert_eq!(report.unwrap().emitted, 501);

    let (_, endless) = numbers();
    let run = endless.split(small(2)).try_map(|n| if n == 500 { Err("bad") } else { Ok(n) }).name("check");
    let error = run.split(small(2)).collect().on_failure(ItemPolicy::Stop).run().unwrap_err();
    assert!(matches!(error.cause(), PipelineFailure::Item(failure) if failure.item() == 500), "{error:?}");
    assert!(error.report().unwrap().output.iter().copied().eq(0..500));

    // It waits for an item that never comes, and the section behind ends.
    let (orders, incoming) = mpsc::channel(10);
    orders.try_send(1).unwrap();
    let run = Pipeline::from_channel(incoming).split(small(2)).try_for_each(|_| Err::<(), _>("full"));
    let stop = run.stop_handle();
    let running = thread::spawn(move || run.run().map(drop).unwrap_err());
    let error = running.join().unwrap();
    assert!(matches!(error.cause(), PipelineFailure::Sink(_)) && !stop.is_stopping(), "{error:?}");
}

#[test]
fn a_source_that_fails_ends_all_sections_after_its_items() {
    let items = (0..5_000).inspect(|&item| assert!(item < 4_321, "no more"));
    let run = Pipeline::from_iter(items).split(small(2)).split(small(3)).collect();
    let (cause, report) = run.run().unwrap_err().into_parts();
    assert!(matches!(&cause, PipelineFailure::Source(error) if error.to_string().contains("no more")), "{cause:?}");
    assert!(report.unwrap().output.into_iter().eq(0..4_321));
}

#[test]
fn a_panic_outside_of_items_ends_all_sections() {
    struct Spiteful(u32);
    impl Drop for Spiteful {
        fn drop(&mut self) {
            assert!(self.0 != 500 || thread::panicking(), "spite");
        }
    }
    let run = Pipeline::from_iter((0..1_000).map(Spiteful)).split(small(2)).try_for_each(|item| match item.0 {
        // The rest is dropped outside the processing of an item.
        490 => Err("full"),
        _ => Ok(()),
    });
    let error = run.workers(3).run().unwrap_err();
    assert!(matches!(error.cause(), PipelineFailure::Panicked(_) | PipelineFailure::Sink(_)), "{error:?}");
}

#[test]
fn a_stop_finishes_or_drops_the_items_of_all_sections() {
    for how in [OnStop::Finish, OnStop::Drop] {
        let taken = AtomicUsize::new(0);
        let stop = OnceLock::<StopHandle>::new();
        let live = Arc::new(());
        let run = Pipeline::generate(|| Some((taken.fetch_add(1, SeqCst), live.clone())))
            .split(small(2))
            .map(|item| item)
            .split(small(1))
            .map(|(n, _)| {
                if n == 1_000 {
                    stop.get().unwrap().stop(how);
                }
                n
            })
            .collect()
            .workers(2)
            .max_batch(2);
        stop.set(run.stop_handle()).unwrap();
        let report = run.run().unwrap();
        assert!(report.stopped, "{report}");
        assert_eq!(report.taken, report.emitted + report.dropped, "{report}");
        assert_eq!(Arc::strong_count(&live), 1, "no item is left");
        if how == OnStop::Finish {
            assert!(report.output.into_iter().eq(0..taken.load(SeqCst)), "all taken items, in order");
        } else {
            assert_eq!(usize::try_from(report.taken), Ok(taken.load(SeqCst)));
        }
    }
}

#[test]
fn a_stop_that_drops_ends_the_wait_for_the_buffer() {
    let (go, gate) = std::sync::mpsc::channel::<()>();
    let taken = AtomicUsize::new(0);
    let run = Pipeline::generate(|| Some(taken.fetch_add(1, SeqCst)))
        .split(small(2))
        .for_each(move |_| _ = gate.recv())
        .workers(1)
        .max_batch(1);
    let stop = run.stop_handle();
    let report = thread::scope(|scope| {
        scope.spawn(|| {
            settle(&taken);
            stop.stop(OnStop::Drop);
            // The sink returns only now: a section that waits for the buffer must have seen the
            // stop.
            drop(go);
        });
        run.run().unwrap()
    });
    assert_eq!(report.taken, report.emitted + report.dropped, "{report}");
}

#[tokio::test]
async fn a_player_of_several_sections_stops_at_once_and_cleanly() {
    let (orders, incoming) = mpsc::channel::<u32>(10);
    let (sunk, mut emitted) = mpsc::channel(10);
    let player = upbeat::once(async move |cx: Context| {
        let run = Pipeline::from_channel(incoming)
            .split(Section::new().workers(2))
            .map(|order| order + 1)
            .split(Section::new().workers(1).unordered())
            .for_each(move |order| sunk.blocking_send(order).expect("received"));
        cx.note(run.workers(1).run_in(&cx).await?);
        Ok::<_, BoxError>(())
    });
    let part = Part::new("shop", player).stop_timeout(Duration::from_hours(1));
    let conductor = Conductor::new("work").stop_timeout(Duration::from_hours(1)).part(part);
    orders.send(1).await.expect("open");
    let idle = async move { assert_eq!(emitted.recv().await, Some(2)) };
    let report = timeout(LONG, conductor.play_until(idle)).await.expect("no wait for another order");
    assert!(report.is_clean(), "{report}");
    assert!(report.to_string().contains("1 taken, 1 emitted"), "{report}");
}
