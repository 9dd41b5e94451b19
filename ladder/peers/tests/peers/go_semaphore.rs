//! The tests of `golang.org/x/sync/semaphore`: `semaphore_test.go`.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use peers::{MS, S, paused, real, settle};
use tokio::time::timeout;
use upbeat::{
    Context, ContextError,
    limit::{ConcurrencyLimit, KeyedConcurrencyLimit, Rate, RateLimit},
};

/// Same as `TestWeighted`: with permits of weight one.
#[test]
fn permits_are_neither_lost_nor_doubled() {
    real(2, async || {
        let (limit, active) = (ConcurrencyLimit::new(2), Arc::new(AtomicUsize::new(0)));
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let (limit, active) = (limit.clone(), active.clone());
                tokio::spawn(async move {
                    for _ in 0..200 {
                        let _permit = limit.acquire(&Context::background()).await.unwrap();
                        assert!(active.fetch_add(1, SeqCst) < 2);
                        tokio::task::yield_now().await;
                        active.fetch_sub(1, SeqCst);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(limit.active(), 0);
    });
}

/// Same as `TestWeightedTryAcquire`, `TestWeightedAcquire`.
#[test]
fn permits_are_taken_at_once_and_with_a_timeout() {
    paused(async || {
        let (limit, cx) = (ConcurrencyLimit::new(2), Context::background());
        let first = limit.acquire(&cx).await.unwrap();
        let second = limit.try_acquire().unwrap();
        assert!(limit.try_acquire().is_err());
        let error = limit.acquire(&cx.with_timeout(10 * MS)).await.unwrap_err();
        assert!(matches!(error, ContextError::DeadlineExceeded));
        drop((first, second));
        let _third = limit.try_acquire().unwrap();
        let _fourth = limit.acquire(&cx.with_timeout(10 * MS)).await.unwrap();
        assert!(limit.acquire(&cx.with_timeout(10 * MS)).await.is_err());
        assert!(limit.try_acquire().is_err());
    });
}

/// Same as `TestAllocCancelDoesntStarve`.
#[test]
fn a_cancelled_waiter_does_not_delay_the_next_one() {
    paused(async || {
        let limit = ConcurrencyLimit::new(1);
        let held = limit.try_acquire().unwrap();
        let cx = Context::background().child();
        let wait = |cx: Context| {
            let limit = limit.clone();
            tokio::spawn(async move { limit.acquire(&cx).await.map(drop) })
        };
        let (gives_up, next) = (wait(cx.clone()), wait(Context::background()));
        settle().await;
        cx.cancel("enough");
        drop(held);
        assert!(timeout(MS, gives_up).await.expect("it knows").unwrap().is_err());
        timeout(MS, next).await.expect("it has its place").unwrap().unwrap();
        assert_eq!(limit.active(), 0);
    });
}

/// Same as `TestWeightedAcquireCanceled`.
#[test]
fn a_done_context_takes_nothing() {
    paused(async || {
        let cx = Context::background().child();
        cx.cancel("enough");
        let limit = ConcurrencyLimit::new(2);
        assert!(matches!(limit.acquire(&cx).await, Err(ContextError::Canceled { .. })));
        assert_eq!(limit.active(), 0);
        let keyed = KeyedConcurrencyLimit::new(1);
        assert!(keyed.acquire(&cx, &"key").await.is_err());
        assert_eq!(keyed.len(), 0);
        let rate = RateLimit::new(Rate::new(1, S));
        assert!(rate.acquire(&cx).await.is_err());
        assert!(rate.try_acquire().is_ok(), "its token is there");
    });
}

/// Same: there is no such test. Programs build it from a map of semaphores.
#[test]
fn the_permits_of_a_key_are_its_own() {
    paused(async || {
        let limit = KeyedConcurrencyLimit::new(1);
        let alice = limit.try_acquire(&"alice").unwrap();
        assert!(limit.try_acquire(&"alice").is_err() && limit.try_acquire(&"bob").is_ok());
        assert_eq!(limit.len(), 1, "who is not there needs nothing");
        drop(alice);
        assert_eq!(limit.len(), 0);
    });
}
