//! The threads of pipelines in a runtime.

use std::{
    collections::HashSet,
    future::pending,
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    thread,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    runtime::{Builder, Handle, Runtime},
    sync::mpsc::channel,
    task::spawn_blocking,
    time::{sleep, timeout},
};
use upbeat::{BoxError, Conductor, Context, Part, once};
use upbeat_work::{OnStop, Pipeline, Section, pipeline::PipelineFailure};

use super::common::{Counted, LONG, pause};

/// Returns a runtime with a bound on its blocking threads.
fn runtime(max_blocking_threads: usize) -> Runtime {
    Builder::new_current_thread().enable_all().max_blocking_threads(max_blocking_threads).build().expect("a runtime")
}

#[test]
fn a_pipeline_needs_no_blocking_threads_of_the_runtime() {
    runtime(2).block_on(async {
        let run = Pipeline::from_iter(0..10_000_u32).map(|n| n + 1).split(Section::new().workers(2)).collect();
        let cx = Context::background();
        let report = timeout(LONG, run.workers(2).run_in(&cx)).await.expect("it ends").unwrap();
        assert!(report.output.into_iter().eq(1..=10_000));
    });
}

#[test]
fn idle_pipelines_leave_the_blocking_threads_of_the_runtime_to_others() {
    runtime(2).block_on(async {
        let cx = Context::background().child();
        let mut idle = Vec::new();
        for _ in 0..20 {
            let (orders, incoming) = channel::<u32>(1);
            let (run, cx) = (Pipeline::from_channel(incoming).for_each(drop).workers(32), cx.clone());
            idle.push((orders, tokio::spawn(async move { run.run_in(&cx).await.map(drop) })));
        }
        let file = timeout(LONG, tokio::fs::metadata("/")).await;
        assert!(file.expect("there is a thread for it").unwrap().is_dir());
        assert_eq!(timeout(LONG, spawn_blocking(|| 7)).await.expect("there is a thread for it").unwrap(), 7);
        cx.cancel("enough");
        for (orders, run) in idle {
            timeout(LONG, run).await.expect("it stops").unwrap().unwrap();
            assert!(orders.is_closed());
        }
    });
}

#[tokio::test(start_paused = true)]
async fn a_paused_clock_goes_on_beside_an_idle_pipeline() {
    let (orders, incoming) = channel::<u32>(1);
    let shop = once(async move |cx: Context| {
        let report = Pipeline::from_channel(incoming).for_each(drop).run_in(&cx).await?;
        assert!(report.stopped && report.emitted == 1, "{report}");
        Ok::<_, BoxError>(())
    });
    orders.send(1).await.unwrap();
    // Without an advance of the clock the stop would never begin.
    let report = Conductor::new("work").player("shop", shop).play_until(sleep(Duration::from_hours(1))).await;
    assert!(report.is_clean(), "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_stop_on_a_paused_clock_finishes_items_in_flight() {
    let (entered, begun) = mpsc::sync_channel::<()>(1);
    let cx = Context::background().with_timeout(Duration::from_secs(10));
    let stop = cx.child();
    // In that time a paused clock can leap over the deadline.
    let slow = move |n: u32| {
        let _ = entered.try_send(());
        pause(Duration::from_millis(50));
        n
    };
    let run = Pipeline::from_iter(0..).map(slow).collect().workers(2).window(4).max_batch(1);
    let stopping = async {
        // A blocking task holds the clock until the first item is in flight.
        spawn_blocking(move || begun.recv()).await.expect("no panic").expect("an item");
        stop.cancel("enough");
    };
    let (report, ()) = tokio::join!(run.run_in(&stop), stopping);
    let report = report.expect("a stop is no error");
    assert!(report.stopped && report.dropped == 0, "{report}");
    assert_eq!(report.taken, report.emitted, "{report}");
}

#[tokio::test]
async fn threads_have_names_use_the_runtime_and_keep_nothing() {
    let (live, threads) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(HashSet::new())));
    let stage = |workers: &Arc<Barrier>| {
        // Dropped with the stage.
        let (counted, threads, workers) = (Counted::new(&live), threads.clone(), workers.clone());
        move |n: u32| {
            if n < 2 {
                // Each of the workers of the section takes a batch of one item.
                workers.wait();
            }
            let (_, current) = (&counted, thread::current());
            threads.lock().insert(current.name().unwrap_or_default().to_owned());
            Handle::current().block_on(async move { n })
        }
    };
    let front = Pipeline::from_iter(0..1_000).map(stage(&Arc::new(Barrier::new(2))));
    let front = front.split(Section::new().workers(2).max_batch(1));
    let run = front.map(stage(&Arc::new(Barrier::new(2)))).collect().workers(2).max_batch(1);
    let cx = Context::background();
    let report = timeout(LONG, run.run_in(&cx)).await.expect("it ends").unwrap();
    assert!(report.output.into_iter().eq(0..1_000));
    assert_eq!(live.load(SeqCst), 0, "no thread has a part of the pipeline");
    let threads = threads.lock();
    assert_eq!(threads.len(), 4, "each worker has a thread: {threads:?}");
    assert!(threads.iter().all(|name| name.starts_with("upbeat-work ")), "{threads:?}");
}

#[tokio::test]
async fn stages_of_a_blocking_run_use_the_runtime_around_it() {
    let run = Pipeline::from_iter(0..100).map(|n| Handle::current().block_on(async move { n + 1 })).collect();
    assert!(run.workers(2).run().unwrap().output.into_iter().eq(1..=100));
}

#[test]
fn a_thread_that_does_not_return_is_named_and_keeps_no_runtime() {
    let (go, gate) = mpsc::channel::<()>();
    let (entered, begun) = channel::<()>(1);
    let gate = Mutex::new((gate, entered));
    let runtime = runtime(2);
    runtime.block_on(async {
        let stuck = once(async move |cx: Context| {
            let run = Pipeline::from_iter(0..10).inspect(move |_| {
                let gate = gate.lock();
                let _ = gate.1.try_send(());
                let _ = gate.0.recv();
            });
            let ended = run.for_each(drop).workers(1).run_in(&cx).await;
            assert!(matches!(ended.as_ref().unwrap_err().cause(), PipelineFailure::DeadlineExceeded), "{ended:?}");
            ended.map(drop).map_err(BoxError::from)
        });
        let mut begun = begun;
        let shop = Conductor::new("work").part(Part::new("stuck", stuck).stop_timeout(Duration::from_millis(100)));
        let report = shop.play_until(async move { _ = begun.recv().await }).await;
        assert!(report.to_string().contains("did not return: upbeat-work "), "{report}");
    });
    // It would wait for a blocking thread.
    drop(runtime);
    drop(go);
}

#[tokio::test]
async fn a_panic_outside_of_items_ends_the_pipeline_and_its_threads() {
    struct PanicsInDrop;
    impl Drop for PanicsInDrop {
        fn drop(&mut self) {
            assert!(thread::panicking(), "a drop that panics");
        }
    }
    let run = Pipeline::from_iter(0..10).map(|_| PanicsInDrop).filter(|_| false).for_each(drop).workers(2);
    let ended = timeout(LONG, run.run_in(&Context::background())).await.expect("it ends");
    // The drop is part of a stage, so it is a failure of each item.
    let failed = ended.map_or_else(|_| 10, |report| report.failed);
    assert_eq!(failed, 10);
}

#[tokio::test(start_paused = true)]
async fn a_stuck_thread_holds_a_paused_clock_for_a_second_only() {
    let (go, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let (entered, mut begun) = channel::<()>(1);
    let cx = Context::background().with_timeout(Duration::from_hours(2));
    let stop = cx.child();
    let run = Pipeline::from_iter(0..10).inspect(move |_| {
        let _ = entered.try_send(());
        let _ = gate.lock().recv();
    });
    let run = run.for_each(drop).workers(1).on_stop(OnStop::Drop);
    let stopping = async {
        begun.recv().await;
        stop.cancel("enough");
        pending::<()>().await;
    };
    tokio::select! {
        ended = run.run_in(&stop) => {
            let error = ended.expect_err("it is stuck");
            assert!(matches!(error.cause(), PipelineFailure::DeadlineExceeded), "{error:?}");
        }
        () = stopping => {}
    }
    drop(go);
}
