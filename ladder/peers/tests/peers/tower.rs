//! The tests of the limits of tower: `concurrency.rs` and `rate.rs`.

use std::future::pending;

use peers::{MS, paused, settle};
use tokio::time::{advance, sleep, timeout};
use upbeat::{
    Context,
    limit::{ConcurrencyLimit, Rate, RateLimit},
};

/// Same as `basic_service_limit_functionality_with_poll_ready`,
/// `basic_service_limit_functionality_without_poll_ready`.
#[test]
fn the_next_waiter_is_admitted_when_a_permit_is_free() {
    paused(async || {
        let (limit, cx) = (ConcurrencyLimit::new(2), Context::background());
        let (one, two) = (limit.acquire(&cx).await.unwrap(), limit.acquire(&cx).await.unwrap());
        let waits = limit.clone();
        let three = tokio::spawn(async move { waits.acquire(&Context::background()).await });
        settle().await;
        assert!(!three.is_finished() && limit.active() == 2);
        drop(one);
        let three = timeout(MS, three).await.expect("it has a place").unwrap().unwrap();
        assert_eq!(limit.active(), 2);
        drop((two, three));
        assert_eq!(limit.active(), 0);
    });
}

/// Differs from `request_without_capacity`: there is at least one permit.
#[test]
fn a_limit_of_zero_is_a_limit_of_one() {
    paused(async || assert!(ConcurrencyLimit::new(0).try_acquire().is_ok()));
}

/// Same as `reserve_capacity_without_sending_request`, `service_drop_frees_capacity`,
/// `response_error_releases_capacity`, `response_future_drop_releases_capacity`.
#[test]
fn every_drop_of_a_permit_frees_it() {
    paused(async || {
        let limit = ConcurrencyLimit::new(1);
        let permit = limit.try_acquire().unwrap();
        assert!(limit.try_acquire().is_err());
        drop(permit);
        // An error, a panic, a future that is dropped.
        let taken = limit.clone();
        let fails = async move {
            let _permit = taken.try_acquire().map_err(|_| "busy")?;
            Err::<(), _>("boom")
        };
        assert_eq!(fails.await, Err("boom"));
        let taken = limit.clone();
        let panics = tokio::spawn(async move {
            let _permit = taken.try_acquire().unwrap();
            panic!("boom")
        });
        assert!(panics.await.is_err());
        let taken = limit.clone();
        let hangs = tokio::spawn(async move {
            let _permit = taken.try_acquire().unwrap();
            pending::<()>().await;
        });
        settle().await;
        assert!(limit.try_acquire().is_err());
        hangs.abort();
        assert!(hangs.await.is_err());
        assert!(limit.try_acquire().is_ok());
    });
}

/// Same as `multi_waiters`.
#[test]
fn a_free_permit_goes_to_the_first_waiter_that_remains() {
    paused(async || {
        let limit = ConcurrencyLimit::new(1);
        let permit = limit.try_acquire().unwrap();
        let wait = || {
            let limit = limit.clone();
            tokio::spawn(async move { limit.acquire(&Context::background()).await.unwrap() })
        };
        let (two, three) = (wait(), wait());
        settle().await;
        drop(permit);
        settle().await;
        assert!(two.is_finished() && !three.is_finished());
        drop(two.await.unwrap());
        settle().await;
        assert!(three.is_finished());
        // A waiter that leaves before its turn.
        let permit = three.await.unwrap();
        let (four, five) = (wait(), wait());
        settle().await;
        four.abort();
        settle().await;
        drop(permit);
        drop(timeout(MS, five).await.expect("it is its turn").unwrap());
    });
}

/// Same as `reaching_capacity`.
#[test]
fn one_more_caller_is_admitted_after_the_period() {
    paused(async || {
        let limit = RateLimit::new(Rate::new(1, 100 * MS));
        limit.try_acquire().unwrap();
        let waits = limit.clone();
        let two = tokio::spawn(async move { waits.acquire(&Context::background()).await });
        sleep(99 * MS).await;
        assert!(!two.is_finished());
        timeout(3 * MS, two).await.expect("it is let in").unwrap().unwrap();
    });
}

/// Same as `remaining_gets_reset`.
#[test]
fn the_burst_is_complete_after_a_period() {
    paused(async || {
        let limit = RateLimit::new(Rate::new(3, 100 * MS));
        limit.try_acquire().unwrap();
        advance(100 * MS).await;
        for _ in 0..3 {
            limit.try_acquire().unwrap();
        }
        assert!(limit.try_acquire().is_err());
    });
}
