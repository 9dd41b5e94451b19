//! `AfterFunc`.

use std::sync::Arc;

use peers::{Event, MS, S, paused, real, settle};
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};
use upbeat::Context;

use super::VERY_LONG;

/// Runs a function once the context is done. Aborting the returned task prevents it.
fn after(cx: &Context, then: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    let waits = cx.done();
    cx.spawn("after", async move {
        waits.await;
        then();
    })
}

/// Composed, after `TestAfterFuncCalledAfterCancel`, `TestCustomContextAfterFuncAfterFunc`.
#[test]
fn a_function_runs_after_a_cancellation() {
    paused(async || {
        let cx = Context::background().child();
        let called = Event::default();
        let sets = called.clone();
        let stop = after(&cx, move || sets.set());
        sleep(MS).await;
        assert!(!called.is_set());
        cx.cancel("enough");
        timeout(VERY_LONG, called.wait()).await.unwrap();
        settle().await;
        assert!(stop.is_finished());
    });
}

/// Composed, after `TestAfterFuncCalledAfterTimeout`.
#[test]
fn a_function_runs_after_a_timeout() {
    paused(async || {
        let called = Event::default();
        let sets = called.clone();
        after(&Context::background().with_timeout(MS), move || sets.set());
        timeout(VERY_LONG, called.wait()).await.unwrap();
    });
}

/// Composed, after `TestAfterFuncCalledImmediately`.
#[test]
fn a_function_runs_at_once_on_a_done_context() {
    paused(async || {
        let cx = Context::background().child();
        cx.cancel("enough");
        let called = Event::default();
        let sets = called.clone();
        after(&cx, move || sets.set());
        timeout(MS, called.wait()).await.unwrap();
    });
}

/// Composed, after `TestAfterFuncNotCalledAfterStop`: `abort` does not return whether it was in
/// time.
#[test]
fn an_aborted_function_does_not_run() {
    paused(async || {
        let cx = Context::background().child();
        let called = Event::default();
        let sets = called.clone();
        let stop = after(&cx, move || sets.set());
        settle().await;
        stop.abort();
        cx.cancel("enough");
        sleep(S).await;
        assert!(!called.is_set());
        assert!(stop.await.unwrap_err().is_cancelled());
    });
}

/// Composed, after `TestAfterFuncCalledAsynchronously`.
#[test]
fn a_cancellation_does_not_wait_for_the_function() {
    real(2, async || {
        let cx = Context::background().child();
        let (tell, told) = std::sync::mpsc::sync_channel(0);
        // Blocks until the receiver reads.
        after(&cx, move || tell.send(()).unwrap());
        cx.cancel("enough");
        let read = tokio::task::spawn_blocking(move || told.recv_timeout(20 * S));
        read.await.unwrap().expect("it is called");
    });
}

/// Same as `TestCustomContextAfterFuncUnregisterCancel` and its variants for timeouts and
/// functions.
#[test]
fn a_dropped_child_is_not_kept_by_its_parent() {
    paused(async || {
        let parent = Context::background().child();
        let held = Arc::new(());
        let (one, two) = (parent.with_value(held.clone()), parent.with_timeout(VERY_LONG).with_value(held.clone()));
        let stop = after(&parent.with_value(held.clone()), || {});
        settle().await;
        assert!(Arc::strong_count(&held) > 2);
        drop((one, two));
        stop.abort();
        settle().await;
        assert_eq!(Arc::strong_count(&held), 1);
        assert!(parent.is_unique());
    });
}
