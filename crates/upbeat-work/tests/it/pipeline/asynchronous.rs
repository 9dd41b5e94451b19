//! Asynchronous stages.

use std::{
    future::pending,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    thread,
    time::Duration,
};

use tokio::{
    sync::{Semaphore, oneshot},
    time::{sleep, timeout},
};
use upbeat::{BoxError, Conductor, Context, Part};
use upbeat_work::{
    OnStop, Pipeline,
    pipeline::{Concurrency, PipelineFailure, StopHandle},
};

use super::common::{Counted, LONG};

/// Is ready after `turns` polls, each of which wakes it at once.
async fn after(turns: u64) {
    for _ in 0..turns {
        tokio::task::yield_now().await;
    }
}

#[test]
fn results_come_in_the_order_of_the_items_or_as_they_finish() {
    // The first waits for the last, so that it cannot finish first. All are in flight together.
    let meet = |concurrency: Concurrency| {
        let (last, is_last) = oneshot::channel::<()>();
        let (last, is_last) = (parking_lot::Mutex::new(Some(last)), parking_lot::Mutex::new(Some(is_last)));
        let run = Pipeline::from_iter(0..10).map_async(concurrency, |n| {
            let wait = if n == 0 { is_last.lock().take() } else { None };
            let tell = if n == 9 { last.lock().take() } else { None };
            async move {
                if let Some(wait) = wait {
                    wait.await.unwrap();
                }
                if let Some(tell) = tell {
                    tell.send(()).unwrap();
                }
                n
            }
        });
        run.collect().run().unwrap().output
    };
    assert!(meet(10.into()).into_iter().eq(0..10));
    let as_finished = meet(Concurrency::unordered(10));
    assert_ne!(as_finished[0], 0);
    assert_eq!(as_finished.iter().sum::<i32>(), 45);
}

#[test]
fn the_futures_in_flight_are_bounded() {
    for concurrency in [Concurrency::ordered(7), Concurrency::unordered(7)] {
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let run = Pipeline::from_iter(0..2_000_u64).map_async(concurrency, async |n| {
            most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
            after(n % 5 + 1).await;
            now.fetch_sub(1, SeqCst);
            n
        });
        let report = run.fold(0, |sum, n| *sum += n).run().unwrap();
        assert_eq!((report.output, most.load(SeqCst)), (1_999 * 1_000, 7));
    }
}

#[test]
fn errors_and_panics_affect_their_item_alone() {
    let report = Pipeline::from_iter(0..100_u64)
        .context(|n| format!("order {n}"))
        .try_map(|n| if n == 10 { Err("before") } else { Ok(n) })
        .name("first")
        .try_map_async(8, async |n| {
            // Two panic: one in the second poll of its future, and one in the first.
            assert!(n != 20, "at once");
            after(n % 3).await;
            assert!(n != 31, "later");
            if n == 40 { Err("refused") } else { Ok(n) }
        })
        .name("ask")
        .map(|n| {
            assert!(n != 50, "behind");
            n
        })
        .name("last")
        .collect()
        .run()
        .unwrap();
    let said: Vec<_> = report.failures.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "item 10 failed in first (order 10)",
            "item 20 failed in ask (order 20)",
            "item 31 failed in ask (order 31)",
            "item 40 failed in ask (order 40)",
            "item 50 failed in last (order 50)",
        ]
    );
    assert_eq!((report.taken, report.emitted, report.panicked), (100, 95, 3));
    let panic = report.failures[2].panic().unwrap();
    assert!(panic.location().unwrap().contains("pipeline/asynchronous.rs:"), "{panic:?}");
}

#[test]
fn a_stage_without_a_name_has_its_line() {
    let run = Pipeline::from_iter(0..1).try_map_async(1, async |_| Err::<(), _>("refused"));
    let line = line!() - 1;
    let report = run.collect().run().unwrap();
    assert_eq!(
        report.failures[0].stage(),
        format!("try_map_async at crates/upbeat-work/tests/it/pipeline/asynchronous.rs:{line}")
    );
}

#[test]
fn futures_go_on_while_the_sink_stalls() {
    let (done, is_done) = mpsc::channel();
    let run = Pipeline::from_iter(0..4_u64).map_async(4, |n| {
        let done = done.clone();
        async move {
            if n == 3 {
                // Many polls, all of them while the sink waits.
                for _ in 0..20 {
                    sleep(Duration::from_millis(1)).await;
                }
                done.send(()).unwrap();
            }
            n
        }
    });
    let run = run.for_each(move |n| {
        if n == 0 {
            is_done.recv_timeout(LONG).expect("the last future is driven meanwhile");
        }
    });
    let report = run.workers(1).run().unwrap();
    assert_eq!((report.emitted, report.panicked), (4, 0));
}

#[test]
fn a_stop_that_drops_drops_the_futures() {
    let (live, begun) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let run = Pipeline::generate(|| Some(Counted::new(&live))).map_async(5, |item| {
        begun.fetch_add(1, SeqCst);
        async move {
            let _held = item;
            pending::<()>().await;
        }
    });
    let run = run.collect();
    let stop = run.stop_handle();
    let report = thread::scope(|scope| {
        scope.spawn(|| {
            while begun.load(SeqCst) < 5 {
                thread::yield_now();
            }
            stop.stop(OnStop::Drop);
        });
        run.run().unwrap()
    });
    assert!(report.stopped && report.emitted == 0 && report.dropped >= 5, "{report}");
    assert_eq!((report.taken, live.load(SeqCst)), (report.dropped, 0));
}

#[test]
fn a_stop_that_finishes_awaits_the_futures() {
    let stop = OnceLock::<StopHandle>::new();
    let mut next = 0_u64;
    let run = Pipeline::generate(|| {
        next += 1;
        Some(next - 1)
    });
    let run = run.map_async(5, async |n| {
        if n == 100 {
            stop.get().unwrap().stop(OnStop::Finish);
        }
        after(n % 7).await;
        n
    });
    let run = run.collect();
    stop.set(run.stop_handle()).unwrap();
    let report = run.run().unwrap();
    assert!(report.stopped && report.dropped == 0, "{report}");
    assert!(report.output.len() > 100 && report.output.iter().copied().eq(0..report.taken), "{report}");
}

#[test]
fn an_end_of_a_later_section_ends_the_futures() {
    let run = Pipeline::generate(|| Some(())).map_async(3, async |()| ()).try_for_each(|()| Err::<(), _>("full"));
    let error = run.run().unwrap_err();
    assert!(matches!(error.cause(), PipelineFailure::Sink(_)), "{error:?}");
    // This holds also for a future that never ends.
    let run = Pipeline::generate(|| Some(())).map_async(Concurrency::unordered(2), {
        let first = AtomicUsize::new(0);
        move |()| {
            let is_first = first.fetch_add(1, SeqCst) == 0;
            async move {
                if !is_first {
                    pending::<()>().await;
                }
            }
        }
    });
    let error = run.try_for_each(|()| Err::<(), _>("full")).run().unwrap_err();
    assert!(matches!(error.cause(), PipelineFailure::Sink(_)), "{error:?}");
}

#[test]
fn a_panic_of_a_dropped_future_ends_the_pipeline() {
    struct Spiteful;
    impl Drop for Spiteful {
        fn drop(&mut self) {
            assert!(thread::panicking(), "spite");
        }
    }
    let run = Pipeline::generate(|| Some(())).map_async(2, async |()| {
        let _spiteful = Spiteful;
        pending::<()>().await;
    });
    let run = run.collect();
    run.stop_handle().stop(OnStop::Finish);
    assert_eq!(run.run().unwrap().taken, 0, "no item was taken");

    let begun = AtomicUsize::new(0);
    let run = Pipeline::generate(|| Some(())).map_async(2, |()| {
        begun.fetch_add(1, SeqCst);
        async {
            let _spiteful = Spiteful;
            pending::<()>().await;
        }
    });
    let run = run.collect();
    let stop = run.stop_handle();
    let ended = thread::scope(|scope| {
        scope.spawn(|| {
            while begun.load(SeqCst) < 2 {
                thread::yield_now();
            }
            stop.stop(OnStop::Drop);
        });
        run.run()
    });
    let error = ended.unwrap_err();
    assert!(matches!(error.cause(), PipelineFailure::Panicked(panic) if panic.message() == "spite"), "{error:?}");
}

#[tokio::test]
async fn a_dropped_player_drops_its_futures() {
    let live = Arc::new(AtomicUsize::new(0));
    let held = live.clone();
    let running = tokio::spawn(async move {
        let run = Pipeline::generate(move || Some(Counted::new(&held)));
        let run = run.map_async(3, async |item| {
            let _held = item;
            pending::<()>().await;
        });
        run.for_each(drop).run_in(&Context::background()).await.map(|_| ())
    });
    let until = async |is_so: &dyn Fn() -> bool| {
        while !is_so() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    until(&|| live.load(SeqCst) > 3).await;
    running.abort();
    assert!(running.await.expect_err("it was aborted").is_cancelled());
    timeout(LONG, until(&|| Arc::strong_count(&live) == 1)).await.expect("all threads end");
}

#[tokio::test]
async fn futures_run_in_the_runtime_of_the_player_and_stop_with_it() {
    let (asked, answered) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let (orders, incoming) = tokio::sync::mpsc::channel(100);
    for order in 0..10_u32 {
        orders.send(order).await.expect("open");
    }
    let player = {
        let (asked, answered) = (asked.clone(), answered.clone());
        upbeat::once(async move |cx: Context| {
            let run = Pipeline::from_channel(incoming).map_async(4, move |order| {
                let asked = asked.clone();
                async move {
                    asked.add_permits(1);
                    // A task of the same runtime, and its timer.
                    tokio::spawn(sleep(Duration::from_millis(5))).await.expect("it does not panic");
                    order
                }
            });
            let run = run.for_each(move |_| _ = answered.fetch_add(1, SeqCst));
            cx.note(run.run_in(&cx).await?);
            Ok::<_, BoxError>(())
        })
    };
    let part = Part::new("client", player).stop_timeout(Duration::from_hours(1));
    let conductor = Conductor::new("work").stop_timeout(Duration::from_hours(1)).part(part);
    let begun = async move { _ = asked.acquire_many(3).await.expect("open") };
    let report = timeout(LONG, conductor.play_until(begun)).await.expect("in time");
    assert!(report.is_clean(), "{report}");
    assert_eq!(answered.load(SeqCst), 10, "accepted items are answered");
}
