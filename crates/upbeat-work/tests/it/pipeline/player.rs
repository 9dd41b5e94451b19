//! A pipeline as the body of a player.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    time::{Duration, Instant},
};

use upbeat::{BoxError, Conductor, Context, Part, exit_code, with};
use upbeat_work::{OnStop, Pipeline, pipeline::PipelineFailure};

/// Returns a source of numbers without end, which counts them.
fn numbers(taken: &Arc<AtomicUsize>) -> impl FnMut() -> Option<usize> + Send + use<> {
    let taken = taken.clone();
    move || Some(taken.fetch_add(1, SeqCst))
}

async fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_stop_finishes_taken_items_and_is_clean() {
    let (taken, sunk) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let player = {
        let (taken, sunk) = (taken.clone(), sunk.clone());
        with((taken, sunk), async |(taken, sunk), cx: Context| {
            let run = Pipeline::generate(numbers(&taken)).for_each(move |_| _ = sunk.fetch_add(1, SeqCst));
            let report = run.workers(2).run_in(&cx).await?;
            assert!(report.stopped && report.dropped == 0);
            cx.note(report);
            Ok::<_, BoxError>(())
        })
    };
    let begun = {
        let sunk = sunk.clone();
        async move { until(|| sunk.load(SeqCst) > 10_000).await }
    };
    let report = Conductor::new("work").player("numbers", player).play_until(begun).await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(taken.load(SeqCst), sunk.load(SeqCst), "all taken items came out");
}

#[tokio::test]
async fn items_unfinished_at_the_deadline_are_dropped_and_reported() {
    let sunk = Arc::new(AtomicUsize::new(0));
    let player = {
        with(sunk.clone(), async |sunk, cx: Context| {
            // Each item takes 10 ms in the sink, so a window of them takes longer than the stop
            // may.
            let run = Pipeline::generate(|| Some(())).for_each(move |()| {
                sunk.fetch_add(1, SeqCst);
                let begun = Instant::now();
                while begun.elapsed() < Duration::from_millis(10) {
                    std::thread::yield_now();
                }
            });
            run.workers(2).window(400).max_batch(1).run_in(&cx).await?;
            Ok::<_, BoxError>(())
        })
    };
    let conductor = Conductor::new("work").part(Part::new("slow", player).stop_timeout(Duration::from_secs(2)));
    let report = conductor.play_until(async move { until(|| sunk.load(SeqCst) > 2).await }).await;
    assert!(report.to_string().contains("items in a pipeline"), "{report}");
    assert_eq!(report.exit_code(), exit_code::OVERRAN);
}

#[tokio::test]
async fn a_stage_that_does_not_return_is_left_behind_in_time() {
    let (go, gate) = mpsc::channel::<()>();
    let gate = parking_lot::Mutex::new(gate);
    let cx = Context::background();
    let limited = cx.with_timeout(Duration::from_millis(200));
    let run = Pipeline::from_iter(0..10).inspect(move |_| _ = gate.lock().recv()).for_each(drop);
    // The deadline has passed when the context is done, so nothing can be finished.
    let error = run.run_in(&limited).await.expect_err("it overruns");
    assert!(matches!(error.cause(), PipelineFailure::DeadlineExceeded) && error.report().is_none(), "{error:?}");
    drop(go);
}

#[tokio::test]
async fn a_cancelled_context_without_a_deadline_lets_items_finish() {
    let cx = Context::background().child();
    let (taken, stop) = (Arc::new(AtomicUsize::new(0)), cx.clone());
    let run = Pipeline::generate(numbers(&taken)).inspect(move |&n| {
        if n == 5_000 {
            stop.cancel("enough");
        }
    });
    let report = run.collect().run_in(&cx).await.expect("a stop is no error");
    assert!(report.stopped && report.output.into_iter().eq(0..taken.load(SeqCst)));
}

#[tokio::test]
async fn items_are_dropped_by_a_stop_that_drops_and_with_the_future() {
    let cx = Context::background().child();
    let stop = cx.clone();
    let run = Pipeline::generate(|| Some(())).for_each(move |()| _ = stop.cancel("enough"));
    let report = run.on_stop(OnStop::Drop).run_in(&cx).await.expect("a stop is no error");
    assert!(report.stopped, "{report}");

    let taken = Arc::new(AtomicUsize::new(0));
    let run = Pipeline::generate(numbers(&taken)).for_each(drop);
    let handle = run.stop_handle();
    let running = tokio::spawn(async move { run.run_in(&Context::background()).await.map(|_| ()) });
    until(|| taken.load(SeqCst) > 100).await;
    running.abort();
    assert!(running.await.expect_err("it was aborted").is_cancelled());
    assert!(handle.is_stopping());
    // The last thread drops the source, and with it the second owner of the count.
    until(|| Arc::strong_count(&taken) == 1).await;
}

#[tokio::test]
async fn progress_of_a_pipeline_is_that_of_its_player() {
    let seen = Arc::new(AtomicUsize::new(0));
    let player = {
        with(seen.clone(), async |seen, cx: Context| {
            Pipeline::from_iter(0..12_345).for_each(drop).run_in(&cx).await?;
            let snapshot = cx.overview().snapshot();
            assert!(format!("{snapshot:?}").contains("12345"), "{snapshot:?}");
            seen.fetch_add(1, SeqCst);
            Ok::<_, BoxError>(())
        })
    };
    let conductor = Conductor::new("work").part(Part::new("count", player).job());
    let report = conductor.play_until(std::future::pending()).await;
    assert!(report.is_clean() && seen.load(SeqCst) == 1, "{report}");
}
