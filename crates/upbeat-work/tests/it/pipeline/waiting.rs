//! Sources that wait: the end of the wait, and the fate of accepted items.

use std::{sync::OnceLock, thread, time::Duration};

use futures_util::stream;
use tokio::{sync::mpsc, time::timeout};
use upbeat::{BoxError, Conductor, Context, Part};
use upbeat_work::{
    OnStop, Pipeline,
    pipeline::{PipelineFailure, StopHandle},
};

use super::common::LONG;

/// Returns a stream with a number every millisecond.
fn ticks() -> impl futures_util::Stream<Item = u32> + Send {
    stream::unfold(0, async |n| {
        tokio::time::sleep(Duration::from_millis(1)).await;
        Some((n, n + 1))
    })
}

#[tokio::test]
async fn a_player_with_an_idle_channel_stops_at_once_and_cleanly() {
    let (orders, incoming) = mpsc::channel::<u32>(10);
    let (sunk, mut emitted) = mpsc::channel(10);
    let player = upbeat::once(async move |cx: Context| {
        let run = Pipeline::from_channel(incoming).for_each(move |order| sunk.blocking_send(order).expect("received"));
        cx.note(run.workers(2).run_in(&cx).await?);
        Ok::<_, BoxError>(())
    });
    // The stop may take an hour, so only an early end is in time for the test.
    let part = Part::new("shop", player).stop_timeout(Duration::from_hours(1));
    let conductor = Conductor::new("work").stop_timeout(Duration::from_hours(1)).part(part);
    orders.send(1).await.expect("open");
    let idle = async move { _ = emitted.recv().await };
    let report = timeout(LONG, conductor.play_until(idle)).await.expect("no wait for another order");
    assert!(report.is_clean(), "{report}");
    assert!(orders.is_closed(), "the channel is closed");
}

#[tokio::test]
async fn a_stop_drains_the_channel() {
    for how in [OnStop::Finish, OnStop::Drop] {
        let (orders, incoming) = mpsc::channel(1_000);
        let cx = Context::background().child();
        let stop = cx.clone();
        for order in 0..700 {
            orders.send(order).await.expect("open");
        }
        let run = Pipeline::from_channel(incoming).inspect(move |&order| {
            if order == 100 {
                stop.cancel("enough");
            }
        });
        let run = run.collect().on_stop(how).max_batch(1).window(2).workers(2);
        let handle = run.stop_handle();
        let report = run.run_in(&cx).await.expect("a stop is no error");
        assert!(handle.is_stopping());
        assert_eq!((report.taken, report.emitted + report.dropped), (700, 700), "{report}");
        if how == OnStop::Finish {
            assert!(report.output.into_iter().eq(0..700));
        }
        assert!(orders.send(0).await.is_err());
    }
}

#[test]
fn a_stop_waits_for_permits_of_the_channel() {
    let (orders, incoming) = mpsc::channel(10);
    let permit = orders.clone().try_reserve_owned().expect("room");
    let run = Pipeline::from_channel(incoming).collect().workers(1);
    run.stop_handle().stop(OnStop::Finish);
    let running = thread::spawn(move || run.run().unwrap());
    while !orders.is_closed() {
        thread::yield_now();
    }
    permit.send(7);
    let report = running.join().unwrap();
    assert_eq!((report.output, report.stopped), (vec![7], true));
}

#[test]
fn a_stop_that_drops_counts_the_items_in_the_channel() {
    let (orders, incoming) = mpsc::channel(10);
    (0..5).for_each(|order| orders.try_send(order).unwrap());
    let run = Pipeline::from_channel(incoming).collect();
    run.stop_handle().stop(OnStop::Drop);
    let report = run.run().unwrap();
    assert_eq!((report.taken, report.dropped, report.emitted), (5, 5, 0));
}

#[test]
fn a_stop_ends_the_wait_for_a_channel_of_the_standard_library() {
    let (orders, incoming) = std::sync::mpsc::channel();
    orders.send(1).unwrap();
    let (sunk, emitted) = std::sync::mpsc::channel();
    let run = Pipeline::from_receiver(incoming).for_each(move |order| sunk.send(order).unwrap()).workers(2);
    let stop = run.stop_handle();
    let running = thread::spawn(move || run.run().unwrap());
    assert_eq!(emitted.recv_timeout(LONG), Ok(1));
    orders.send(2).unwrap();
    stop.stop(OnStop::Finish);
    // Without the stop it would wait forever: the sender still exists.
    let report = running.join().unwrap();
    assert!(report.stopped && report.emitted == 2, "{report}");
    assert!(orders.send(3).is_err());
}

#[test]
fn a_stream_needs_no_runtime_of_the_caller() {
    let stop = OnceLock::<StopHandle>::new();
    let run = Pipeline::from_stream(ticks()).for_each(|n| {
        if n == 20 {
            stop.get().unwrap().stop(OnStop::Finish);
        }
    });
    stop.set(run.stop_handle()).unwrap();
    let report = run.workers(2).run().unwrap();
    assert!(report.stopped && report.emitted >= 20, "{report}");
}

#[tokio::test]
async fn a_stop_ends_the_wait_for_a_stream() {
    let cx = Context::background().child();
    let stop = cx.clone();
    let silent = futures_util::StreamExt::chain(stream::iter(0..3), stream::pending());
    let run = Pipeline::from_stream(silent).for_each(move |n| {
        if n == 2 {
            stop.cancel("enough");
        }
    });
    let report = timeout(LONG, run.run_in(&cx)).await.expect("in time").expect("a stop is no error");
    assert!(report.stopped && report.emitted == 3, "{report}");
}

#[tokio::test]
async fn a_blocking_run_inside_a_runtime_completes() {
    // The items are ready, so the only thread of this runtime does not have to drive anything.
    let report = Pipeline::from_stream(stream::iter(0..10_000)).collect().workers(1).run().expect("it runs");
    assert!(report.output.into_iter().eq(0..10_000));
}

#[test]
fn a_stream_that_panics_ends_the_pipeline_after_its_items() {
    let mut given = 0;
    let torn = stream::poll_fn(move |_| {
        given += 1;
        assert!(given <= 300, "no more");
        std::task::Poll::Ready(Some(given))
    });
    let (cause, report) = Pipeline::from_stream(torn).collect().run().unwrap_err().into_parts();
    assert!(matches!(&cause, PipelineFailure::Source(error) if error.to_string().contains("no more")), "{cause:?}");
    assert!(report.unwrap().output.into_iter().eq(1..=300));
}

#[test]
fn a_failure_elsewhere_ends_the_wait_for_the_source() {
    let (orders, incoming) = mpsc::channel(10);
    orders.try_send(1).unwrap();
    let run = Pipeline::from_channel(incoming).try_for_each(|_| Err::<(), _>("full")).workers(3);
    // Nothing more is sent, and there is no stop.
    let error = run.run().unwrap_err();
    assert!(matches!(error.cause(), PipelineFailure::Sink(_)), "{error:?}");
    assert!(orders.is_closed());
}
