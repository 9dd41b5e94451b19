//! Concurrency limits.
#![cfg(feature = "limit")]

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use crate::common::{MS, S};
use tokio::time::{sleep, timeout};
use upbeat::{
    Context, ContextError,
    limit::{ConcurrencyLimit, KeyedConcurrencyLimit},
    task::Group,
};

#[tokio::test(start_paused = true)]
async fn permits_bound_concurrency_and_all_waiters_get_one() {
    let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let shared: &'static (AtomicUsize, AtomicUsize) = Box::leak(Box::new((running, most)));
    let limit = ConcurrencyLimit::new(3);
    let group = Group::new(&Context::background());
    for name in 0..20 {
        let limit = limit.clone();
        group.spawn(name.to_string(), async move |cx| {
            let _permit = limit.acquire(&cx).await?;
            shared.1.fetch_max(shared.0.fetch_add(1, SeqCst) + 1, SeqCst);
            sleep(S).await;
            shared.0.fetch_sub(1, SeqCst);
            Ok::<_, ContextError>(())
        });
    }
    assert_eq!(group.wait().await.unwrap().len(), 20);
    assert_eq!((shared.1.load(SeqCst), limit.active()), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn a_caller_beyond_the_limit_is_rejected_or_waits_until_its_deadline() {
    let (limit, cx) = (ConcurrencyLimit::new(2), Context::background());
    let (first, _second) = (limit.try_acquire().unwrap(), limit.try_acquire().unwrap());
    assert_eq!(limit.try_acquire().unwrap_err().to_string(), "busy: all 2 permits are in use");
    let timed_out = limit.acquire(&cx.with_timeout(S)).await;
    assert!(matches!(timed_out, Err(ContextError::DeadlineExceeded)));
    assert!(timeout(S, limit.acquire(&cx)).await.is_err());
    drop(first);
    assert!(limit.try_acquire().is_ok(), "a cancelled wait took a permit");
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_does_not_wait_overtakes_no_waiter() {
    let (limit, cx) = (ConcurrencyLimit::new(1), Context::background());
    let permit = limit.try_acquire().unwrap();
    let waits = limit.acquire(&cx);
    let pushes = async {
        sleep(MS).await;
        drop(permit);
        assert!(limit.try_acquire().is_err(), "the permit belongs to the waiter");
    };
    let (got, ()) = tokio::join!(waits, pushes);
    assert!(got.is_ok());
}

#[tokio::test(start_paused = true)]
async fn each_key_has_its_own_permits_and_is_removed_when_unused() {
    let (limit, cx) = (KeyedConcurrencyLimit::new(1), Context::background());
    let alice = limit.try_acquire(&"alice").unwrap();
    assert!(limit.try_acquire(&"alice").is_err());
    let bob = limit.try_acquire(&"bob").unwrap();
    assert_eq!(limit.len(), 2);
    assert!(timeout(S, limit.acquire(&cx, &"alice")).await.is_err());
    assert_eq!(limit.len(), 2);
    let (waiting, ()) = tokio::join!(limit.acquire(&cx, &"alice"), async {
        sleep(S).await;
        drop(alice);
    });
    assert!(limit.try_acquire(&"alice").is_err(), "the waiter has the permit");
    drop((waiting, bob));
    assert!(limit.is_empty());
}
