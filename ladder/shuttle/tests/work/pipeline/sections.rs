//! Sections joined by splits: each has to see what the other one does with their buffer.

use std::{
    collections::BTreeSet,
    panic::resume_unwind,
    sync::{Arc, Mutex},
};

use tokio::{sync::mpsc::channel, task::spawn_blocking};
use upbeat::BoxError;
use upbeat_work::{
    OnStop, Pipeline,
    pipeline::{ItemPolicy, PipelineFailure, PipelineReport, StopHandle},
};

use super::items::{Living, feed, small, some, stumble};
use crate::explore::{Time, explore, pause};

const ITEMS: u32 = 12;

#[test]
fn every_item_goes_through_all_sections_once_and_in_order() {
    explore(Time::WhenIdle, || async {
        let living = Living::default();
        let mut next = 0;
        let report = Pipeline::from_iter(living.items(0..ITEMS))
            .inspect(|_| stumble(1))
            .split(small())
            .inspect(|_| stumble(1))
            .split(small())
            .for_each(|item| {
                assert_eq!(item.number, next, "an item is lost, doubled or too early");
                next += 1;
                stumble(1);
            })
            .workers(some())
            .window(2)
            .max_batch(3)
            .run()
            .unwrap();
        assert_eq!((report.taken, report.emitted), (12, 12), "{report}");
        assert!(report.is_clean(), "{report}");
        assert_eq!(living.now(), 0);
    });
}

#[test]
fn every_item_of_unordered_sections_comes_out_once() {
    explore(Time::WhenIdle, || async {
        let living = Living::default();
        let report = Pipeline::from_iter(living.items(0..ITEMS))
            .inspect(|_| stumble(1))
            .split(small().unordered())
            .map(|item| item.number)
            .collect()
            .workers(some())
            .window(2)
            .unordered()
            .run()
            .unwrap();
        let output: BTreeSet<u32> = report.output.iter().copied().collect();
        assert!(report.output.len() == 12 && output == (0..ITEMS).collect(), "{:?}", report.output);
        assert!(report.is_clean(), "{report}");
    });
}

/// Runs two sections that are fed until they are stopped, each time after a pause. Returns the
/// report, and how many items the channel had accepted.
async fn stopped(stops: impl IntoIterator<Item = (u32, OnStop)>) -> (PipelineReport<Vec<u32>>, u32) {
    let living = Living::default();
    let (to, from) = channel(2);
    let feeding = tokio::spawn(feed(living.clone(), to, ITEMS));
    let pipeline = Pipeline::from_channel(from).inspect(|_| stumble(1)).split(small());
    let pipeline = pipeline.map(|item| item.number).collect().workers(some()).window(2).max_batch(2);
    let stop = pipeline.stop_handle();
    let running = spawn_blocking(move || pipeline.run().unwrap());
    // Sometimes during the work, sometimes while the source has no item.
    for (after, how) in stops {
        pause(after).await;
        stop.stop(how);
    }
    let ended = (running.await.unwrap(), feeding.await.unwrap());
    assert_eq!(living.now(), 0);
    ended
}

#[test]
fn a_stop_that_finishes_loses_no_accepted_item() {
    explore(Time::WhenIdle, || async {
        let (report, accepted) = stopped([(40, OnStop::Finish)]).await;
        assert!(report.output.iter().copied().eq(0..accepted), "{accepted} accepted: {:?}", report.output);
        assert_eq!((report.taken, report.dropped), (accepted.into(), 0), "{report}");
        assert!(report.stopped, "{report}");
    });
}

#[test]
fn a_stop_that_drops_counts_all_taken_items() {
    explore(Time::WhenIdle, || async {
        let (report, accepted) = stopped([(20, OnStop::Finish), (20, OnStop::Drop)]).await;
        assert!(report.output.iter().copied().eq(0..u32::try_from(report.emitted).unwrap()), "{:?}", report.output);
        assert_eq!(report.emitted + report.dropped, report.taken, "{report}");
        // An item that was sent while all items were dropped is in no count.
        assert!((report.taken..=report.taken + 1).contains(&accepted.into()), "{accepted} accepted: {report}");
    });
}

#[test]
fn a_sink_that_fails_ends_the_section_that_waits_for_an_idle_source() {
    explore(Time::WhenIdle, || async {
        let living = Living::default();
        let (to, from) = channel(3);
        for number in 0..3 {
            to.send(living.item(number)).await.unwrap();
        }
        let pipeline = Pipeline::from_channel(from).split(small()).inspect(|_| stumble(1)).split(small());
        let pipeline = pipeline.try_for_each(|item| if item.number == 2 { Err("the disk is full") } else { Ok(()) });
        let pipeline = pipeline.workers(some()).window(2);
        let error = spawn_blocking(move || pipeline.run()).await.unwrap().unwrap_err();
        assert!(matches!(error.cause(), PipelineFailure::Sink(_)), "{error}");
        assert_eq!(error.report().unwrap().taken, 3);
        assert_eq!(living.now(), 0);
        drop(to);
    });
}

#[test]
fn a_failure_that_stops_ends_the_sections_that_wait_for_their_buffers() {
    explore(Time::WhenIdle, || async {
        let living = Living::default();
        let mut output = Vec::new();
        let pipeline = Pipeline::from_iter(living.items(0..ITEMS))
            .try_map(|item| if item.number == 9 { Err("too late to matter") } else { Ok(item) })
            .split(small())
            .split(small())
            .try_map(|item| {
                stumble(2);
                if item.number == 3 { Err(BoxError::from("out of luck")) } else { Ok(item.number) }
            })
            .for_each(|number| output.push(number))
            .workers(some())
            .window(1)
            .max_batch(1)
            .on_failure(ItemPolicy::Stop);
        let error = pipeline.run().unwrap_err();
        assert!(matches!(error.cause(), PipelineFailure::Item(failure) if failure.item() == 3), "{error}");
        assert!(output.iter().copied().eq(0..3), "{output:?}");
        let report = error.report().unwrap();
        assert!(report.emitted + report.failed + report.dropped <= report.taken, "{report}");
        assert_eq!(living.now(), 0);
    });
}

#[test]
fn a_panic_in_a_section_in_front_affects_that_item_alone() {
    explore(Time::WhenIdle, || async {
        let living = Living::default();
        let report = Pipeline::from_iter(living.items(0..ITEMS))
            .inspect(|item| {
                stumble(1);
                if item.number == 5 {
                    // Without the panic hook, which prints a failing schedule.
                    resume_unwind(Box::new("on purpose"));
                }
            })
            .name("front")
            .split(small())
            .map(|item| item.number)
            .collect()
            .workers(some())
            .window(2)
            .run()
            .unwrap();
        assert!(report.output.iter().copied().eq((0..ITEMS).filter(|number| *number != 5)), "{:?}", report.output);
        let failed: Vec<_> = report.failures.iter().map(|failure| (failure.stage(), failure.item())).collect();
        assert_eq!((report.panicked, &failed[..]), (1, &[("front", 5)][..]), "{report}");
        assert_eq!(living.now(), 0);
    });
}

/// An item that panics when it is dropped, if it has one number.
struct Grenade(u32);

impl Drop for Grenade {
    fn drop(&mut self) {
        if self.0 == 5 {
            resume_unwind(Box::new("on purpose"));
        }
    }
}

#[test]
fn a_panic_while_a_section_in_front_drops_items_ends_all_sections() {
    explore(Time::WhenIdle, || async {
        let stop = Arc::new(Mutex::new(None::<StopHandle>));
        let asked = stop.clone();
        let sink = move |item: Grenade| {
            if item.0 == 1
                && let Some(stop) = &*asked.lock().unwrap()
            {
                stop.stop(OnStop::Drop);
            }
        };
        let pipeline = Pipeline::from_iter((0..ITEMS).map(Grenade)).inspect(|_| stumble(1)).split(small());
        let pipeline = pipeline.for_each(sink).workers(some()).window(1).max_batch(1);
        *stop.lock().unwrap() = Some(pipeline.stop_handle());
        match pipeline.run() {
            // The item that panics was not taken.
            Ok(report) => assert!(report.stopped && report.taken <= 5, "{report}"),
            Err(error) => assert!(matches!(error.cause(), PipelineFailure::Panicked(_)), "{error}"),
        }
    });
}
