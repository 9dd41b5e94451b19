//! Each answer, and the absence of side effects of asking.

#![cfg(not(upbeat_loom))]

mod common;

use std::{
    future::{pending, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
        mpsc::channel,
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::Duration,
};

use common::{LONG, spawn, traces};
use tokio::sync::{Notify, oneshot};
use upbeat_probe::{Answer, Frame, Probe, Trace, Watched, watch};

/// The timeout of requests that cannot be answered.
const SHORT: Duration = Duration::from_millis(20);

fn crosses_threads<T: Send + Sync + Unpin + 'static>() {}
fn is_sent(_: &impl Send) {}

#[test]
fn the_public_types_cross_threads() {
    crosses_threads::<Answer>();
    crosses_threads::<Frame>();
    crosses_threads::<Probe>();
    crosses_threads::<Trace>();
    crosses_threads::<Watched<std::future::Ready<()>>>();
    let (_watched, probe) = watch(pending::<()>());
    is_sent(&probe.ask(SHORT));
}

#[tokio::test]
async fn waiting() {
    let (_task, probe) = spawn(tokio::time::sleep(LONG));
    let text = probe.ask(LONG).await.to_string();
    assert!(text.starts_with("waiting in\n└─ tokio::time::sleep::"), "{text}");
}

#[tokio::test]
async fn nothing_if_no_leaf_registers() {
    let (_task, probe) = spawn(pending::<()>());
    assert_eq!(probe.ask(LONG).await.to_string(), "waiting for nothing: nothing will wake it");
}

#[tokio::test]
async fn not_polled_yet() {
    let (watched, probe) = watch(pending::<()>());
    assert!(matches!(probe.ask(SHORT).await, Answer::NotPolledYet));
    assert!(matches!(probe.ask_blocking(SHORT), Answer::NotPolledYet));
    assert_eq!((probe.polls(), probe.busy()), (0, None));
    drop(watched);
}

#[tokio::test]
async fn a_first_poll_that_comes_while_asked_answers() {
    let (watched, probe) = watch(pending::<()>());
    let (answer, _) = tokio::join!(biased; probe.ask(LONG), tokio::time::timeout(SHORT, watched));
    assert!(matches!(answer, Answer::Nothing), "{answer}");
}

#[tokio::test]
async fn finished_and_dropped() {
    let (task, probe) = spawn(async { 7 });
    assert_eq!(task.await.unwrap(), 7);
    assert!(matches!(probe.ask(LONG).await, Answer::Finished));
    assert!(matches!(probe.ask_blocking(LONG), Answer::Finished));

    let (task, probe) = spawn(pending::<()>());
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert!(matches!(probe.ask(LONG).await, Answer::Dropped));
}

#[tokio::test]
async fn a_future_that_ends_in_the_traced_poll_has_finished() {
    let (watched, probe) = watch(async {});
    let (answer, ()) = tokio::join!(biased; probe.ask(LONG), watched);
    assert!(matches!(answer, Answer::Finished), "{answer}");
}

#[tokio::test]
async fn dropped_while_asked() {
    let (watched, probe) = watch(pending::<()>());
    let (answer, ()) = tokio::join!(biased; probe.ask(LONG), async { drop(watched) });
    assert!(matches!(answer, Answer::Dropped), "{answer}");
}

/// A future whose second poll reports its start and blocks until it is released.
fn blocks_in_its_second_poll()
-> (impl Future<Output = ()> + Send, std::sync::mpsc::Receiver<()>, std::sync::mpsc::Sender<()>) {
    let (blocked, is_blocked) = channel();
    let (go_on, may_go_on) = channel::<()>();
    let mut polls = 0;
    let future = poll_fn(move |cx| {
        polls += 1;
        if polls == 1 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        blocked.send(()).expect("the test waits for it");
        may_go_on.recv().expect("the test says so");
        Poll::Ready(())
    });
    (future, is_blocked, go_on)
}

#[test]
fn busy_when_every_worker_is_blocked() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (future, is_blocked, go_on) = blocks_in_its_second_poll();
    let (watched, probe) = watch(future);
    let task = runtime.spawn(watched);
    is_blocked.recv().unwrap();

    let first = probe.ask_blocking(SHORT);
    let Answer::Busy { at_least, .. } = first else { panic!("{first}") };
    assert!(at_least >= SHORT, "it is known to run since it was asked: {at_least:?}");
    assert!(first.to_string().starts_with("inside one poll for at least "), "{first}");

    let second = probe.ask_blocking(SHORT);
    let Answer::Busy { at_least: later, .. } = second else { panic!("{second}") };
    assert!(later >= at_least + SHORT, "time counts from the first look: {later:?}");
    assert!(probe.busy().unwrap() >= later);
    assert_eq!(probe.polls(), 2);

    go_on.send(()).unwrap();
    runtime.block_on(task).unwrap();
    assert_eq!(probe.busy(), None);
}

#[test]
fn busy_when_the_traced_poll_itself_blocks() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (blocked, is_blocked) = channel();
    let (go_on, may_go_on) = channel::<()>();
    let (watched, probe) = watch(async move {
        blocked.send(()).unwrap();
        may_go_on.recv().unwrap();
    });
    let asking = {
        let probe = probe.clone();
        thread::spawn(move || {
            let answer = probe.ask_blocking(LONG);
            (answer, probe)
        })
    };
    // The request comes first, so the first poll is traced.
    while !format!("{probe:?}").contains("requested: true") {
        thread::yield_now();
    }
    let task = runtime.spawn(watched);
    is_blocked.recv().unwrap();
    assert!(probe.busy().is_some());
    let answer = probe.ask_blocking(SHORT);
    assert!(matches!(answer, Answer::Busy { at_least, .. } if at_least >= SHORT), "{answer}");
    go_on.send(()).unwrap();
    runtime.block_on(task).unwrap();
    assert!(matches!(asking.join().unwrap().0, Answer::Finished));
}

#[test]
fn silent_when_another_task_blocks_the_only_worker() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (watched, probe) = watch(pending::<()>());
    runtime.spawn(watched);
    assert!(matches!(probe.ask_blocking(LONG), Answer::Nothing));
    let (blocked, is_blocked) = channel();
    let (go_on, may_go_on) = channel::<()>();
    runtime.spawn(async move {
        blocked.send(()).unwrap();
        let _ = may_go_on.recv();
    });
    is_blocked.recv().unwrap();
    assert!(matches!(probe.ask_blocking(SHORT), Answer::Silent));
    drop(go_on);
    // That request was withdrawn. A new one is answered.
    assert!(matches!(probe.ask_blocking(LONG), Answer::Nothing));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_ask_at_once() {
    let (_task, probe) = spawn(tokio::time::sleep(LONG));
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let probe = probe.clone();
            thread::spawn(move || (0..50).map(|_| traces(&probe.ask_blocking(LONG))).collect::<Vec<_>>())
        })
        .collect();
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let probe = probe.clone();
            tokio::spawn(async move { probe.ask(LONG).await })
        })
        .collect();
    for task in tasks {
        assert!(matches!(task.await.unwrap(), Answer::Waiting { .. }));
    }
    for thread in threads {
        for found in thread.join().unwrap() {
            assert_eq!(found.len(), 1, "{found:?}");
        }
    }
}

#[tokio::test]
async fn it_may_be_asked_from_within() {
    let (tell, probe) = oneshot::channel::<Probe>();
    let (task, outer) = spawn(async move { probe.await.unwrap().ask(LONG).await });
    tell.send(outer).unwrap();
    let answer = task.await.unwrap();
    assert!(traces(&answer)[0].contains(" at answers.rs:"), "{answer}");
}

#[tokio::test]
async fn it_is_asked_while_it_moves_from_task_to_task() {
    let (watched, probe) = watch(tokio::time::sleep(LONG));
    let mut watched = Box::pin(watched);
    for _ in 0..20 {
        let task = tokio::spawn(async move {
            let timed_out = tokio::time::timeout(Duration::from_millis(1), &mut watched).await.is_err();
            (timed_out, watched)
        });
        let (timed_out, moved) = task.await.unwrap();
        assert!(timed_out);
        watched = moved;
        let (answer, ()) = tokio::join!(biased; probe.ask(LONG), async {
            let _ = tokio::time::timeout(Duration::ZERO, &mut watched).await;
        });
        assert!(matches!(answer, Answer::Waiting { .. }), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_asked_while_it_runs_on_changing_threads() {
    let (turn, turns) = (Arc::new(Notify::new()), Arc::new(AtomicU32::new(0)));
    let (task, probe) = spawn({
        let (turn, turns) = (turn.clone(), turns.clone());
        async move {
            while turns.fetch_add(1, Relaxed) < 2_000 {
                turn.notified().await;
            }
        }
    });
    let asker = {
        let probe = probe.clone();
        thread::spawn(move || {
            loop {
                match probe.ask_blocking(LONG) {
                    Answer::Waiting { .. } => {}
                    answer => return answer,
                }
            }
        })
    };
    while !task.is_finished() {
        turn.notify_one();
        tokio::task::yield_now().await;
    }
    assert!(matches!(asker.join().unwrap(), Answer::Finished));
    assert!(turns.load(Relaxed) > 2_000);
}

#[test]
fn a_panic_in_the_traced_poll_leaves_the_probe_intact() {
    let (watched, probe) = watch({
        let mut polls = 0;
        poll_fn(move |cx: &mut Context<'_>| -> Poll<()> {
            polls += 1;
            drop(cx.waker().clone());
            assert!(polls != 1, "the first poll panics");
            Poll::Pending
        })
    });
    let mut watched = Box::pin(watched);
    let mut asking = pin!(probe.ask(LONG));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _entered = runtime.enter();
    let mut cx = Context::from_waker(Waker::noop());
    assert!(asking.as_mut().poll(&mut cx).is_pending());
    catch_unwind(AssertUnwindSafe(|| watched.as_mut().poll(&mut cx).is_ready())).unwrap_err();
    assert_eq!((probe.busy(), probe.polls()), (None, 1), "the poll is over");
    assert!(asking.as_mut().poll(&mut cx).is_pending(), "a poll that panicked is no answer");
    assert!(watched.as_mut().poll(&mut cx).is_pending());
    let Poll::Ready(answer) = asking.as_mut().poll(&mut cx) else { panic!("the next poll is one") };
    let Answer::Waiting { traces, .. } = answer else { panic!("{answer}") };
    assert_eq!(traces.len(), 1, "nothing is left of the first poll");
}

#[tokio::test]
async fn a_task_that_panics_while_asked_is_dropped() {
    let (watched, probe) = watch(async { panic!("as intended") });
    let (answer, _) = tokio::join!(biased; probe.ask(LONG), tokio::spawn(watched));
    assert!(matches!(answer, Answer::Dropped), "{answer}");
}

/// A waker that counts its wakes.
#[derive(Default)]
struct Count(AtomicU32);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

#[test]
fn a_leaf_receives_the_waker_of_the_task() {
    let kept = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let (watched, probe) = watch({
        let kept = kept.clone();
        poll_fn(move |cx| -> Poll<()> {
            kept.lock().push(cx.waker().clone());
            Poll::Pending
        })
    });
    let count = Arc::new(Count::default());
    let waker = Waker::from(count.clone());
    let mut cx = Context::from_waker(&waker);
    let mut watched = Box::pin(watched);
    assert!(watched.as_mut().poll(&mut cx).is_pending());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _entered = runtime.enter();
    {
        let mut asking = pin!(probe.ask(LONG));
        assert!(asking.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(count.0.load(Relaxed), 1, "asking wakes the task");
        assert!(watched.as_mut().poll(&mut cx).is_pending());
        assert!(asking.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
    }
    assert!(watched.as_mut().poll(&mut cx).is_pending());
    let kept = std::mem::take(&mut *kept.lock());
    assert_eq!(kept.len(), 3, "before, in, and after the traced poll");
    assert!(kept.iter().all(|kept| kept.will_wake(&waker)));
    assert_eq!(count.0.load(Relaxed), 1, "nobody has asked again");
    drop(kept);
    drop(watched);
    drop(waker);
    assert_eq!(Arc::strong_count(&count), 1, "every clone is accounted for");
}

#[test]
fn a_withdrawn_request_leaves_no_poll_to_be_traced() {
    let (watched, probe) = watch(pending::<()>());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _entered = runtime.enter();
    {
        let mut asking = pin!(probe.ask(LONG));
        assert!(asking.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert!(format!("{probe:?}").contains("requested: true"));
    }
    assert!(format!("{probe:?}").contains("requested: false"));
    drop(watched);
}

#[test]
fn a_waker_may_be_cloned_on_another_thread_during_the_poll() {
    let (watched, probe) = watch(poll_fn(|cx| -> Poll<()> {
        let waker = cx.waker();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| drop(waker.clone()));
            }
        });
        Poll::Pending
    }));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.spawn(watched);
    let answer = probe.ask_blocking(LONG);
    let Answer::Waiting { traces, .. } = &answer else { panic!("{answer}") };
    assert_eq!(traces.len(), 4);
    answer.resolve();
}
