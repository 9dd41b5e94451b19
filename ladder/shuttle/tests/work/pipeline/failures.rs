//! Stages, sinks and sources that fail or panic: all workers end, and the report is complete.

use std::{
    panic::resume_unwind,
    sync::{Arc, Mutex},
};

use upbeat::BoxError;
use upbeat_work::{
    OnStop, Pipeline,
    pipeline::{ItemPolicy, PipelineFailure, StopHandle},
};

use super::items::{Living, stumble};
use crate::explore::{Time, explore};

const ITEMS: u32 = 14;

/// Panics at one number, without the panic hook, which prints a failing schedule.
fn panic_at(number: u32, at: u32) {
    if number == at {
        resume_unwind(Box::new("on purpose"));
    }
}

#[test]
fn a_panic_of_a_stage_or_of_the_sink_affects_that_item_alone() {
    explore(Time::WhenIdle, || async {
        let living = Living::default();
        let mut output = Vec::new();
        let report = Pipeline::from_iter(living.items(0..ITEMS))
            .inspect(|item| {
                stumble(2);
                panic_at(item.number, 5);
            })
            .name("stage")
            .for_each(|item| {
                panic_at(item.number, 8);
                output.push(item.number);
            })
            .name("sink")
            .workers(3)
            .window(4)
            .max_batch(3)
            .run()
            .unwrap();
        assert!(output.iter().copied().eq((0..ITEMS).filter(|number| *number != 5 && *number != 8)), "{output:?}");
        assert_eq!((report.taken, report.failed, report.panicked, report.dropped), (14, 2, 2, 0), "{report}");
        let failed: Vec<_> = report.failures.iter().map(|failure| (failure.stage(), failure.item())).collect();
        // The failure of the sink has the number of items it had received, of which one failed
        // above.
        assert_eq!(failed, [("stage", 5), ("sink", 7)]);
        assert_eq!(living.now(), 0);
    });
}

#[test]
fn items_before_a_failure_that_stops_come_out_and_none_behind_it() {
    explore(Time::WhenIdle, || async {
        let living = Living::default();
        let mut output = Vec::new();
        let run = Pipeline::from_iter(living.items(0..ITEMS))
            .try_map(|item| {
                stumble(2);
                if item.number == 6 { Err(BoxError::from("out of luck")) } else { Ok(item.number) }
            })
            .for_each(|number| output.push(number))
            .workers(3)
            .window(4)
            .max_batch(3)
            .on_failure(ItemPolicy::Stop)
            .run();
        let error = run.unwrap_err();
        assert!(matches!(error.cause(), PipelineFailure::Item(failure) if failure.item() == 6), "{error}");
        let report = error.report().unwrap();
        assert_eq!(report.emitted, 6, "{report}");
        assert!(report.emitted + report.failed + report.dropped <= report.taken, "{report}");
        assert!(output.iter().copied().eq(0..6), "{output:?}");
        assert_eq!(living.now(), 0);
    });
}

#[test]
fn a_sink_that_fails_ends_all_workers() {
    explore(Time::WhenIdle, || async {
        let living = Living::default();
        let mut output = Vec::new();
        // A window of one: a worker that waits for it has to be woken too.
        let run = Pipeline::from_iter(living.items(0..ITEMS))
            .inspect(|_| stumble(1))
            .try_for_each(|item| {
                stumble(1);
                if item.number == 4 {
                    return Err(BoxError::from("the disk is full"));
                }
                output.push(item.number);
                Ok(())
            })
            .workers(3)
            .window(1)
            .run();
        let error = run.unwrap_err();
        assert!(matches!(error.cause(), PipelineFailure::Sink(_)), "{error}");
        assert!(output.iter().copied().eq(0..4), "{output:?}");
        assert_eq!(living.now(), 0);
    });
}

#[test]
fn items_before_a_failure_of_the_source_come_out() {
    explore(Time::WhenIdle, || async {
        let living = Living::default();
        let items = living.items(0..ITEMS).inspect(|item| panic_at(item.number, 9));
        let mut output = Vec::new();
        let pipeline = Pipeline::from_iter(items).inspect(|_| stumble(2)).for_each(|item| output.push(item.number));
        let error = pipeline.workers(3).window(3).max_batch(3).run().unwrap_err();
        assert!(matches!(error.cause(), PipelineFailure::Source(_)), "{error}");
        let report = error.report().unwrap();
        assert_eq!((report.taken, report.emitted, report.dropped), (9, 9, 0), "{report}");
        assert!(output.iter().copied().eq(0..9), "{output:?}");
        assert_eq!(living.now(), 0);
    });
}

/// An item that panics when it is dropped, if it has one number.
struct Grenade(u32);

impl Drop for Grenade {
    fn drop(&mut self) {
        panic_at(self.0, 5);
    }
}

#[test]
fn a_panic_outside_of_items_ends_all_workers() {
    explore(Time::WhenIdle, || async {
        // The sink requests a stop that drops the rest, and the drop panics while a worker has the
        // sink.
        let stop = Arc::new(Mutex::new(None::<StopHandle>));
        let asked = stop.clone();
        let sink = move |item: Grenade| {
            if item.0 == 3
                && let Some(stop) = &*asked.lock().unwrap()
            {
                stop.stop(OnStop::Drop);
            }
        };
        let pipeline = Pipeline::from_iter((0..ITEMS).map(Grenade)).inspect(|_| stumble(2)).for_each(sink);
        let pipeline = pipeline.workers(3).window(2).max_batch(1);
        *stop.lock().unwrap() = Some(pipeline.stop_handle());
        match pipeline.run() {
            // The item that panics was not taken.
            Ok(report) => assert!(report.stopped && report.taken <= 5, "{report}"),
            Err(error) => assert!(matches!(error.cause(), PipelineFailure::Panicked(_)), "{error}"),
        }
    });
}
