//! Stops of pipelines.

use upbeat_work::{OnStop, Pipeline};

use super::items::{Living, stumble};
use crate::explore::{Time, explore, pause};

const ITEMS: u32 = 16;

#[test]
fn a_stop_at_any_moment_finishes_taken_items() {
    explore(Time::WhenIdle, || async {
        let living = Living::default();
        let pipeline = Pipeline::from_iter(living.items(0..ITEMS)).inspect(|_| stumble(2)).map(|item| item.number);
        let pipeline = pipeline.collect().workers(3).window(4).max_batch(2);
        let stop = pipeline.stop_handle();
        let running = tokio::task::spawn_blocking(move || pipeline.run().unwrap());
        pause(20).await;
        stop.stop(OnStop::Finish);
        let report = running.await.unwrap();
        assert!(report.output.iter().copied().eq(0..u32::try_from(report.taken).unwrap()), "{:?}", report.output);
        assert_eq!((report.emitted, report.dropped), (report.taken, 0), "{report}");
        assert!(report.stopped || report.taken == 16, "{report}");
        assert_eq!(living.now(), 0);
    });
}

#[test]
fn a_stop_that_drops_counts_all_taken_items() {
    explore(Time::WhenIdle, || async {
        let living = Living::default();
        let pipeline = Pipeline::from_iter(living.items(0..ITEMS)).inspect(|_| stumble(2)).map(|item| item.number);
        let pipeline = pipeline.collect().workers(3).window(4).max_batch(2);
        let stop = pipeline.stop_handle();
        let running = tokio::task::spawn_blocking(move || pipeline.run().unwrap());
        pause(10).await;
        stop.stop(OnStop::Finish);
        pause(10).await;
        stop.stop(OnStop::Drop);
        let report = running.await.unwrap();
        assert!(report.output.iter().copied().eq(0..u32::try_from(report.emitted).unwrap()), "{:?}", report.output);
        assert_eq!(report.emitted + report.dropped, report.taken, "{report}");
        assert_eq!(living.now(), 0);
    });
}

#[test]
fn a_stop_while_the_window_is_full_ends_the_pipeline() {
    explore(Time::WhenIdle, || async {
        let living = Living::default();
        let pipeline = Pipeline::from_iter(living.items(0..ITEMS));
        let mut stop_at = 3;
        let pipeline = pipeline.map(|item| item.number).collect().workers(3).window(1).max_batch(1);
        let stop = pipeline.stop_handle();
        let running = tokio::task::spawn_blocking(move || pipeline.run().unwrap());
        while stop_at > 0 {
            pause(3).await;
            stop_at -= 1;
        }
        stop.stop(OnStop::Drop);
        let report = running.await.unwrap();
        assert_eq!(report.emitted + report.dropped, report.taken, "{report}");
        assert!(living.now() == 0 && living.at_most() <= 1, "{living:?}");
    });
}
