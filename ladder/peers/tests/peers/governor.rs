//! The tests of governor: `direct.rs`, `keyed_hashmap.rs`, `future.rs`, `proptests.rs`.

use std::{
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    time::Duration,
};

use peers::{Log, MS, S, paused, threads};
use tokio::time::{Instant, advance};
use upbeat::{
    Context,
    limit::{KeyedRateLimit, Rate, RateLimit},
};

/// Same as `accepts_first_cell`, `default_direct`, `default_keyed`.
#[test]
fn the_first_token_is_free() {
    paused(async || {
        assert!(RateLimit::new(Rate::per_second(5)).try_acquire().is_ok());
        let keyed = KeyedRateLimit::new(Rate::per_second(5));
        assert!([1, 2].iter().all(|key| keyed.try_acquire(key).is_ok()));
    });
}

/// Takes tokens at a rate of two a second: two are admitted, one is refused, and again a second
/// later.
async fn two_a_second(try_acquire: impl Fn() -> bool) {
    for _ in 0..2 {
        for wanted in [true, true, false] {
            assert_eq!(try_acquire(), wanted);
            advance(MS).await;
        }
        advance(S).await;
    }
}

/// Same as `rejects_too_many`, `all_1_identical_to_1`.
#[test]
fn callers_beyond_the_rate_are_refused_and_later_admitted() {
    paused(async || {
        let limit = RateLimit::new(Rate::per_second(2));
        two_a_second(|| limit.try_acquire().is_ok()).await;
        let keyed = KeyedRateLimit::new(Rate::per_second(2));
        for key in [1, 2] {
            two_a_second(|| keyed.try_acquire(&key).is_ok()).await;
        }
    });
}

/// Same as `does_not_allow_one_extra_cell_after_longer_interval`.
#[test]
fn a_long_pause_gives_no_more_than_the_burst() {
    paused(async || {
        let limit = RateLimit::new(Rate::per_second(5));
        for _ in 0..3 {
            for i in 0..5 {
                assert!(limit.try_acquire().is_ok(), "{i}");
            }
            assert!(limit.try_acquire().is_err());
            advance(2 * S).await;
        }
    });
}

/// Same as `correct_wait_time`.
#[test]
fn a_retry_after_the_returned_time_is_admitted() {
    paused(async || {
        let limit = RateLimit::new(Rate::per_second(5));
        for _ in 0..20 {
            advance(MS).await;
            if let Err(refused) = limit.try_acquire() {
                advance(refused.retry_after).await;
                assert!(limit.try_acquire().is_ok());
            }
        }
    });
}

/// Same as `accurate_not_until`.
#[test]
fn no_caller_is_admitted_before_the_returned_time() {
    paused(async || {
        let mut random = 7_u32;
        let mut next = |most: u32| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 8) % most + 1
        };
        for _ in 0..30 {
            let capacity = next(300);
            let limit = RateLimit::new(Rate::per_second(capacity));
            let step = S / capacity;
            for _ in 0..capacity {
                assert!(limit.try_acquire().is_ok());
            }
            for _ in 0..next(50) {
                advance(step).await;
                assert!(limit.try_acquire().is_ok());
            }
            let refused = limit.try_acquire().unwrap_err().retry_after;
            let parts = next(20);
            for _ in 0..parts {
                advance(refused / (parts + 1)).await;
                assert!(limit.try_acquire().is_err());
            }
            advance(limit.try_acquire().unwrap_err().retry_after).await;
            assert!(limit.try_acquire().is_ok());
        }
    });
}

/// Same as `actual_threadsafety`.
#[test]
fn many_threads_share_the_tokens() {
    threads(|| {
        let rate = Rate::new(20, Duration::from_hours(1));
        let (limit, keyed) = (RateLimit::new(rate), KeyedRateLimit::new(rate));
        let (let_in, let_in_keyed) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for i in 0..60 {
                let (limit, keyed, let_in, let_in_keyed) = (&limit, &keyed, &let_in, &let_in_keyed);
                scope.spawn(move || {
                    let_in.fetch_add(usize::from(limit.try_acquire().is_ok()), SeqCst);
                    let_in_keyed.fetch_add(usize::from(keyed.try_acquire(&(i % 2)).is_ok()), SeqCst);
                });
            }
        });
        assert_eq!((let_in.load(SeqCst), let_in_keyed.load(SeqCst)), (20, 40));
    });
}

/// Differs from `stresstest_large_quotas`: a rate of more than one in a nanosecond is one in a
/// nanosecond.
#[test]
fn a_rate_beyond_the_clock_admits_all() {
    threads(|| {
        let limit = RateLimit::new(Rate::per_second(1_000_000_001));
        let other = limit.clone();
        let thread = std::thread::spawn(move || (0..200_000).all(|_| other.try_acquire().is_ok()));
        assert!((0..200_000).all(|_| limit.try_acquire().is_ok()));
        assert!(thread.join().unwrap());
    });
}

/// Differs from `expiration`, `hashmap_length`, `hashmap_shrink_to_fit`: keys are evicted without a
/// call, and there are never more than the capacity.
#[test]
fn the_number_of_keys_is_bounded() {
    paused(async || {
        let limit = KeyedRateLimit::with_capacity(Rate::per_second(1), 3);
        assert_eq!(limit.len(), 0);
        for (i, key) in ["foo", "bar", "baz"].into_iter().enumerate() {
            assert!(limit.try_acquire(&key).is_ok());
            assert_eq!(limit.len(), i + 1);
        }
        // No bucket is full: a new key is refused, and the known ones are not affected.
        let refused = limit.try_acquire(&"new").unwrap_err();
        assert_eq!(refused.retry_after, S);
        advance(S).await;
        assert!(limit.try_acquire(&"new").is_ok() && limit.len() == 3);
        // An evicted key gets no additional token.
        for key in ["foo", "bar", "baz"] {
            let ok = limit.try_acquire(&key).is_ok();
            assert!(!ok || limit.try_acquire(&key).is_err());
        }
    });
}

/// Same as `pauses`, `pauses_keyed`.
#[test]
fn a_waiter_is_admitted_after_the_interval() {
    paused(async || {
        let cx = Context::background();
        let (limit, keyed) = (RateLimit::new(Rate::per_second(10)), KeyedRateLimit::new(Rate::per_second(10)));
        while limit.try_acquire().is_ok() {}
        while keyed.try_acquire(&1).is_ok() {}
        let start = Instant::now();
        limit.acquire(&cx).await.unwrap();
        assert!(start.elapsed() >= 100 * MS && start.elapsed() < 110 * MS);
        keyed.acquire(&cx, &1).await.unwrap();
        assert!(start.elapsed() < 120 * MS, "its token came meanwhile");
    });
}

/// Same as `proceeds`, `proceeds_keyed`.
#[test]
fn a_free_token_needs_no_wait() {
    paused(async || {
        let cx = Context::background();
        let start = Instant::now();
        RateLimit::new(Rate::per_second(2)).acquire(&cx).await.unwrap();
        KeyedRateLimit::new(Rate::per_second(2)).acquire(&cx, &1).await.unwrap();
        assert_eq!(start.elapsed(), Duration::ZERO);
    });
}

/// Same as `multiple`, `multiple_keyed`, `stream`.
#[test]
fn many_waiters_are_admitted_in_order_at_the_rate() {
    paused(async || {
        let (limit, log) = (RateLimit::new(Rate::per_second(10)), Log::default());
        let start = Instant::now();
        let waiters: Vec<_> = (0..20)
            .map(|i| {
                let (limit, log) = (limit.clone(), log.clone());
                tokio::spawn(async move {
                    limit.acquire(&Context::background()).await.unwrap();
                    log.add(format!("{i:02} at {}", start.elapsed().as_millis() / 100));
                })
            })
            .collect();
        for waiter in waiters {
            waiter.await.unwrap();
        }
        let wanted: Vec<_> = (0..20).map(|i: u32| format!("{i:02} at {}", i.saturating_sub(9))).collect();
        assert_eq!(log.lines(), wanted);
    });
}

/// Differs from `never_allows_more_than_capacity_all`, `rejects_too_many_all`,
/// `all_capacity_check_rejects_excess`, `pauses_n`, `proceeds_n`, `errors_on_exceeded_capacity` and
/// the keyed variants: a caller takes several tokens one by one.
#[test]
fn several_tokens_are_taken_one_by_one() {
    paused(async || {
        let (limit, cx) = (RateLimit::new(Rate::per_second(10)), Context::background());
        for _ in 0..6 {
            limit.try_acquire().unwrap();
        }
        let start = Instant::now();
        for _ in 0..5 {
            limit.acquire(&cx).await.unwrap();
        }
        assert!(start.elapsed() >= 100 * MS && start.elapsed() < 110 * MS);
    });
}
