//! Pipelines as players.

use tokio::sync::mpsc::channel;
use upbeat::{BoxError, Conductor, Context, Part, once, report::Outcome, with};
use upbeat_work::{OnStop, Pipeline, pipeline::PipelineFailure};

use super::items::{Living, feed, small, some, stumble};
use crate::explore::{MS, Time, explore, pause, settle};

const ITEMS: u32 = 16;

#[test]
fn a_stop_at_any_moment_finishes_taken_items() {
    explore(Time::WhenIdle, || async {
        let living = Living::default();
        let copy = with(living.clone(), |living: Living, cx: Context| async move {
            let pipeline = Pipeline::from_iter(living.items(0..ITEMS)).inspect(|_| stumble(2));
            let report =
                pipeline.map(|item| item.number).collect().workers(2).window(3).max_batch(2).run_in(&cx).await?;
            assert_eq!((report.emitted, report.dropped), (report.taken, 0), "{report}");
            assert!(report.output.iter().copied().eq(0..u32::try_from(report.taken).unwrap()), "{:?}", report.output);
            Ok::<_, BoxError>(())
        });
        let report = Conductor::new("shop").part(Part::new("copy", copy).job()).play_until(pause(20)).await;
        assert!(report.is_clean(), "{report}");
        assert_eq!(living.now(), 0);
    });
}

#[test]
fn items_unfinished_at_the_deadline_are_dropped_and_reported() {
    explore(Time::AtAnyMoment, || async {
        let living = Living::default();
        let copy = with(living.clone(), |living: Living, cx: Context| async move {
            let pipeline = Pipeline::from_iter(living.items(0..ITEMS)).inspect(|_| stumble(2));
            let pipeline = pipeline.map(|item| item.number).collect().workers(2).window(3).max_batch(2);
            match pipeline.run_in(&cx).await {
                Ok(report) => {
                    assert_eq!(report.emitted + report.dropped, report.taken, "{report}");
                    cx.note(format!("{} dropped", report.dropped));
                }
                Err(error) => assert!(matches!(error.cause(), PipelineFailure::DeadlineExceeded), "{error}"),
            }
            Ok::<_, BoxError>(())
        });
        let shop = Conductor::new("shop").part(Part::new("copy", copy).job()).stop_timeout(20 * MS);
        let report = shop.play_until(pause(20)).await;
        let player = report.player("shop/copy").unwrap_or_else(|| panic!("no copy in {report}"));
        if let [remark] = &player.notes[..]
            && player.outcome == Outcome::Stopped
        {
            let dropped: u64 = remark.split(' ').next().unwrap().parse().unwrap();
            assert_eq!(player.lost.len(), usize::from(dropped > 0), "{report}");
        }
        settle().await;
        assert_eq!(living.now(), 0, "{report}");
    });
}

#[test]
fn a_dropped_run_ends_the_pipeline() {
    explore(Time::WhenIdle, || async {
        let living = Living::default();
        let cx = Context::background().child();
        // Without the drop of its future it would never end.
        let source = living.items(0..u32::MAX);
        let pipeline =
            Pipeline::from_iter(source).for_each(|_| stumble(1)).workers(2).window(2).on_stop(OnStop::Finish);
        tokio::select! {
            biased;
            ended = pipeline.run_in(&cx) => panic!("the pipeline ended: {ended:?}"),
            () = pause(12) => {}
        }
        settle().await;
        assert_eq!(living.now(), 0);
    });
}

#[test]
fn a_stop_ends_the_wait_for_an_idle_channel() {
    explore(Time::WhenIdle, || async {
        let living = Living::default();
        let (to, from) = channel(2);
        let feeding = tokio::spawn(feed(living.clone(), to, 6));
        let copy = once(async move |cx: Context| {
            let pipeline = Pipeline::from_channel(from).split(small()).map_async(2, async |item| item.number);
            let report = pipeline.collect().workers(some()).window(2).run_in(&cx).await?;
            cx.note(report.taken);
            assert!(report.output.iter().copied().eq(0..u32::try_from(report.taken).unwrap()), "{:?}", report.output);
            assert!(report.stopped && report.dropped == 0, "{report}");
            Ok::<_, BoxError>(())
        });
        let report = Conductor::new("shop").part(Part::new("copy", copy)).play_until(pause(60)).await;
        // It has no other end, and nothing but the stop wakes it.
        assert!(report.is_clean(), "{report}");
        let accepted = feeding.await.unwrap();
        let player = report.player("shop/copy").unwrap_or_else(|| panic!("no copy in {report}"));
        // A player that is stopped before it has begun takes nothing. Its channel is dropped with
        // its items.
        if !player.notes.is_empty() {
            assert_eq!(player.notes, [accepted.to_string()], "{report}");
        }
        assert_eq!(living.now(), 0);
    });
}
