//! Calls that hang are bounded in number, and do not delay other callers.

use std::{
    future::{Future, pending},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc as threads,
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use crate::common::calls::{Counted, GATE, PanicsInDrop, S, begin, open_gate, settle, until};
use tokio::{
    runtime::{self, Handle},
    sync::Notify,
    task::yield_now,
    time::{Instant, advance, sleep},
};
use upbeat::{
    diagnostics::WorkList,
    monitor::{CallError, Monitor},
};

#[tokio::test(start_paused = true)]
async fn a_call_returns_its_result() {
    let monitor = Monitor::builder("bank").max_calls(1).build();
    for i in 0..3 {
        assert_eq!(monitor.call("add", async move { i + 1 }).await.unwrap(), i + 1);
    }
    assert_eq!(monitor.active(), 0);
    assert_eq!((monitor.counts().calls, monitor.counts().done), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn a_call_beyond_the_maximum_is_rejected_at_once_with_the_reason() {
    let monitor = Monitor::builder("bank").max_calls(2).timeout(5 * S).build();
    let _first = begin(&monitor, "first", pending::<()>()).await;
    advance(6 * S).await;
    let _second = begin(&monitor, "second", pending::<()>()).await;
    advance(S).await;

    let begun = Instant::now();
    let live = Arc::new(AtomicUsize::new(0));
    let counted = Counted::new(&live);
    let busy = monitor.call("third", async move { drop(counted) }).await.unwrap_err();
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(busy.to_string(), "`bank` is busy: 2 calls active, 1 of them stuck, the oldest for 7.0 s");
    assert!(matches!(busy, CallError::Busy { active: 2, stuck: 1, longest, .. } if longest == 7 * S));
    assert_eq!(live.load(SeqCst), 0, "the rejected future is kept");
    assert_eq!((monitor.active(), monitor.counts().busy), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_has_the_location_of_each_call() {
    let (monitor, gate) = (Monitor::builder("bank").max_calls(3).build(), Arc::new(Notify::new()));
    drop(begin(&monitor, "charge", open_gate(gate.clone())).await);
    drop(begin(&monitor, "forever", pending::<()>()).await);
    let snapshot = monitor.snapshot().await;
    assert!(!snapshot.alerted);
    let text = snapshot.to_string();
    assert!(text.starts_with("`bank`: 2 of 3 calls\n`charge`, 0 ms: waiting in\n"), "{text}");
    assert!(text.contains(&format!("calls.rs:{GATE}")), "{text}");
    assert!(text.ends_with("\n`forever`, 0 ms: waiting for nothing: nothing will wake it"), "{text}");
    let mut work = WorkList::default();
    monitor.list(&mut work);
    let open: Vec<_> = work.oldest.iter().map(|call| &*call.name).collect();
    assert_eq!(open, ["bank charge", "bank forever"]);
}

#[tokio::test(start_paused = true)]
async fn a_late_result_is_dropped_before_the_call_ends() {
    let monitor = Monitor::builder("bank").max_calls(1).timeout(5 * S).build();
    let (gate, live) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));

    let begun = Instant::now();
    let slow = {
        let (gate, live) = (gate.clone(), live.clone());
        async move {
            open_gate(gate).await;
            Counted::new(&live)
        }
    };
    let late = monitor.call("slow", slow).await.map(drop).unwrap_err();
    assert_eq!(late.to_string(), "`slow` timed out after 5.0 s (monitor `bank`)");
    assert_eq!(begun.elapsed(), 5 * S);
    assert_eq!(monitor.active(), 1, "it continues");
    assert!(monitor.call("next", async {}).await.is_err_and(|error| error.is_busy()));

    gate.notify_one();
    until(|| monitor.active() == 0).await;
    assert_eq!(live.load(SeqCst), 0, "the late result is kept");
    assert!(monitor.call("next", async {}).await.is_ok());
    let counts = monitor.counts();
    assert_eq!((counts.calls, counts.timed_out, counts.busy, counts.done, counts.late), (3, 1, 1, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_an_error_of_its_call_only() {
    let monitor = Monitor::builder("bank").max_calls(1).build();
    let located = |panic: CallError| match panic {
        CallError::Panicked(panic) => format!("{} at {}", panic.message(), panic.location().unwrap()),
        other => other.to_string(),
    };
    let poll = located(monitor.call("poll", async { panic!("no luck") }).await.map(|(): ()| ()).unwrap_err());
    assert!(poll.starts_with("no luck at ") && poll.contains("monitor.rs:"), "{poll}");

    let bomb = PanicsInDrop;
    let dropped = monitor.call("drop", std::future::poll_fn(move |_| Poll::Ready(_ = &bomb))).await.unwrap_err();
    assert!(located(dropped).starts_with("and another thing at "));

    let function = located(monitor.call_blocking("function", || panic!("{}", 1)).await.map(|(): ()| ()).unwrap_err());
    assert!(function.starts_with("1 at "), "{function}");
    assert_eq!((monitor.active(), monitor.counts().panicked), (0, 3));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_ends_when_its_future_is_dropped() {
    let monitor = Monitor::builder("bank").timeout(S).max_calls(1).cancel_on_timeout().build();
    let live = Arc::new(AtomicUsize::new(0));
    let counted = Counted::new(&live);
    let cancelled = async move {
        pending::<()>().await;
        drop(counted);
    };
    assert!(monitor.call("slow", cancelled).await.is_err_and(|error| error.is_timeout()));
    until(|| monitor.active() == 0).await;
    assert_eq!(live.load(SeqCst), 0);
    assert!(monitor.call("next", async {}).await.is_ok());
    assert_eq!(monitor.counts().late, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_never_yields_times_out_and_stays_active_even_if_cancelled() {
    let monitor = Monitor::builder("bank").timeout(Duration::from_millis(5)).max_calls(1).cancel_on_timeout().build();
    let (release, released) = threads::channel::<()>();
    let spins = async move { released.recv().is_ok() };
    // On a worker, so that the timers have the other one. The thread of the test has none.
    let handle = monitor.clone();
    let result = tokio::spawn(async move { handle.call("spin", spins).await }).await.unwrap();
    assert!(matches!(result, Err(CallError::TimedOut { .. })));
    assert_eq!(monitor.active(), 1);
    release.send(()).unwrap();
    until(|| monitor.active() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_continues_without_its_caller_unless_cancelled() {
    let (monitor, cancelling) = (Monitor::new("bank"), Monitor::builder("bank").cancel_on_timeout().build());
    let gate = Arc::new(Notify::new());
    for (monitor, continues) in [(&monitor, 1), (&cancelling, 0)] {
        let caller = begin(monitor, "slow", open_gate(gate.clone())).await;
        caller.abort();
        settle().await;
        assert_eq!((monitor.active(), monitor.counts().abandoned), (continues, 1));
        gate.notify_waiters();
        until(|| monitor.active() == 0).await;
        assert_eq!(monitor.counts().late, continues as u64);
    }
}

#[test]
fn a_function_without_a_thread_is_queued() {
    let runtime = runtime::Builder::new_current_thread().enable_time().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let (release, released) = threads::channel::<()>();
        let blocker = tokio::task::spawn_blocking(move || released.recv());
        let monitor = Monitor::new("disk");
        let caller = tokio::spawn({
            let monitor = monitor.clone();
            async move { monitor.call_blocking("read", || 1).await }
        });
        until(|| monitor.active() == 1).await;
        assert!(monitor.snapshot().await.calls[0].location.is_queued());
        release.send(()).unwrap();
        assert!(blocker.await.is_ok());
        assert_eq!(caller.await.unwrap().unwrap(), 1);
    });
}

#[test]
fn a_call_whose_runtime_ends_is_lost() {
    let monitor = Monitor::builder("bank").max_calls(1).build();
    let runtime = runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let mut call = pin!(monitor.call("slow", pending::<()>()));
    let mut cx = Context::from_waker(Waker::noop());
    let entered = runtime.enter();
    assert!(call.as_mut().poll(&mut cx).is_pending());
    drop(entered);
    drop(runtime);
    assert!(matches!(call.poll(&mut cx), Poll::Ready(Err(error)) if error.is_lost()));
    assert_eq!((monitor.active(), monitor.counts().lost), (0, 1));
}

#[test]
fn a_call_outside_a_runtime_frees_its_slot() {
    let monitor = Monitor::builder("bank").max_calls(1).build();
    for _ in 0..2 {
        let mut call = pin!(monitor.call("slow", async {}));
        let poll = || call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(poll)).is_err());
        assert_eq!(monitor.active(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_builder_makes_independent_monitors() {
    let builder = Monitor::builder("bank").max_calls(1);
    let (monitor, other) = (builder.clone().build(), builder.timeout(S).build());
    drop(begin(&monitor, "slow", pending::<()>()).await);
    assert_eq!((monitor.active(), other.active()), (1, 0));
}

#[test]
fn errors_have_predicates() {
    let panic = upbeat::panic::Panic::catch(|| panic!("no luck")).map(|(): ()| ()).unwrap_err();
    let panicked = CallError::Panicked(panic);
    assert!(panicked.is_panic() && !panicked.is_busy() && !panicked.is_timeout() && !panicked.is_lost());
}

#[tokio::test(start_paused = true)]
async fn a_dropped_monitor_leaves_no_task() {
    let alive = || Handle::current().metrics().num_alive_tasks();
    let before = alive();
    for _ in 0..100 {
        let monitor = Monitor::builder("bank").max_calls(1).build();
        monitor.call("add", async {}).await.unwrap();
    }
    settle().await;
    assert_eq!(alive(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn under_stress_every_call_is_counted_once() {
    const CALLERS: usize = 8;
    const CALLS: usize = 400;
    let monitor =
        Monitor::builder("bank").timeout(Duration::from_millis(2)).max_calls(6).alert_after(Duration::ZERO).build();
    let live = Arc::new(AtomicUsize::new(0));
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..CALLERS {
        let (monitor, live) = (monitor.clone(), live.clone());
        callers.spawn(async move {
            // The outcomes that callers see: done, panicked, timed out, busy, abandoned.
            let mut seen = [0_u64; 5];
            for i in 0..CALLS {
                let (live, kind) = (live.clone(), (caller * 7 + i) % 10);
                let slow = Duration::from_micros((i % 8 * 600) as u64);
                let work = async move {
                    let held = Counted::new(&live);
                    match kind {
                        0 if i % 5 == 0 => panic!("no luck"),
                        1..=5 | 7 => sleep(slow).await,
                        _ => yield_now().await,
                    }
                    held
                };
                let result = match kind {
                    6 => monitor.call_blocking("function", move || Handle::current().block_on(work)).await,
                    7 => {
                        let Ok(result) = tokio::time::timeout(slow / 4, monitor.call("left", work)).await else {
                            seen[4] += 1;
                            continue;
                        };
                        result
                    }
                    _ => monitor.call("future", work).await,
                };
                let outcome = match result {
                    Ok(_) => 0,
                    Err(CallError::Panicked(_)) => 1,
                    Err(CallError::TimedOut { .. }) => 2,
                    Err(CallError::Busy { .. }) => 3,
                    Err(other) => panic!("{other}"),
                };
                seen[outcome] += 1;
                if outcome == 3 {
                    sleep(Duration::from_millis(1)).await;
                }
            }
            seen
        });
    }
    let all = callers.join_all().await;
    let seen = all.iter().fold([0; 5], |sum, seen| std::array::from_fn(|i| sum[i] + seen[i]));
    until(|| monitor.active() == 0).await;

    let counts = monitor.counts();
    assert_eq!(counts.calls, (CALLERS * CALLS) as u64, "{counts:?}");
    let counted = counts.done + counts.panicked + counts.timed_out + counts.busy + counts.abandoned;
    assert_eq!((counted, counts.lost), (counts.calls, 0), "{counts:?}");
    assert_eq!([counts.timed_out, counts.busy], [seen[2], seen[3]], "{counts:?}, callers saw {seen:?}");
    assert_eq!(counts.late, counts.timed_out + counts.abandoned);
    // A caller that stops waiting when the result comes does not see it.
    let unseen = (counts.done + counts.panicked) - (seen[0] + seen[1]);
    assert_eq!(seen[4], counts.abandoned + unseen, "{counts:?}, callers saw {seen:?}");
    assert!(seen.iter().all(|seen| *seen > 0), "not everything happened: {seen:?}");
    assert_eq!(live.load(SeqCst), 0);
}
