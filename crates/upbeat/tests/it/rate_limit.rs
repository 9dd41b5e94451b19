//! Rate limits: tokens, their waiters, and keys in bounded memory.
#![cfg(feature = "limit")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    future::Future,
    pin::pin,
    sync::Mutex,
    task::{Context as TaskContext, Waker},
    thread,
    time::Duration,
};

use crate::common::{MS, S};
use proptest::prelude::*;
use tokio::time::{Instant, advance, sleep, timeout};
use upbeat::{
    Context, ContextError,
    limit::{KeyedRateLimit, Rate, RateLimit},
};

/// Runs a test on a paused clock.
fn paused<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(test)
}

/// Returns whether any period has at most the burst, and one token for each interval.
fn respects(rate: Rate, given: &[Instant]) -> bool {
    let max = usize::try_from(rate.max_burst()).unwrap();
    given.windows(max + 1).all(|window| window[max].duration_since(window[0]) >= rate.interval())
        && given.iter().enumerate().all(|(first, &from)| {
            given[first..].iter().zip(1..).all(|(&to, tokens)| {
                let refilled = to.duration_since(from).as_nanos() / rate.interval().as_nanos();
                tokens <= u128::from(rate.max_burst()) + refilled
            })
        })
}

#[tokio::test(start_paused = true)]
async fn a_full_bucket_gives_its_burst_and_then_one_an_interval() {
    let limit = RateLimit::new(Rate::per_second(10).burst(3));
    assert_eq!((0..9).filter(|_| limit.try_acquire().is_ok()).count(), 3);
    advance(30 * MS).await;
    assert_eq!(limit.try_acquire().unwrap_err().retry_after, 70 * MS);
    advance(70 * MS).await;
    assert!(limit.try_acquire().is_ok() && limit.try_acquire().is_err());
    advance(100 * S).await;
    assert_eq!((0..9).filter(|_| limit.try_acquire().is_ok()).count(), 3, "it does not overflow");
}

#[tokio::test(start_paused = true)]
async fn waiters_get_tokens_in_order_and_on_time() {
    let (limit, cx) = (RateLimit::new(Rate::per_second(10).burst(1)), Context::background());
    let (start, order) = (Instant::now(), Mutex::new(Vec::new()));
    let turn = async |name: u128| {
        limit.acquire(&cx).await.unwrap();
        order.lock().unwrap().push((name, start.elapsed().as_millis()));
    };
    tokio::join!(turn(0), turn(1), turn(2), turn(3), turn(4));
    assert_eq!(order.into_inner().unwrap(), [(0, 0), (1, 100), (2, 200), (3, 300), (4, 400)]);
}

#[tokio::test(start_paused = true)]
async fn a_new_waiter_gets_no_token_before_an_older_one() {
    let (limit, cx) = (RateLimit::new(Rate::per_second(1)), Context::background());
    limit.try_acquire().unwrap();
    let mut task = TaskContext::from_waker(Waker::noop());
    let (mut first, mut second) = (pin!(limit.acquire(&cx)), pin!(limit.acquire(&cx)));
    assert!(first.as_mut().poll(&mut task).is_pending());
    advance(S).await;
    assert!(second.as_mut().poll(&mut task).is_pending(), "the token belongs to the other one");
    assert!(first.as_mut().poll(&mut task).is_ready());
    advance(S).await;
    assert!(second.as_mut().poll(&mut task).is_ready());
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_does_not_wait_overtakes_no_waiter() {
    let (limit, cx) = (RateLimit::new(Rate::per_second(1)), Context::background());
    limit.try_acquire().unwrap();
    let waits = async {
        limit.acquire(&cx).await.unwrap();
        limit.acquire(&cx).await.unwrap();
    };
    let pushes = async {
        loop {
            sleep(MS).await;
            assert_eq!(limit.waiting(), 1);
            assert!(limit.try_acquire().is_err_and(|error| error.retry_after == 2 * S));
        }
    };
    let start = Instant::now();
    tokio::select! { () = waits => {}, () = pushes => {} }
    assert_eq!((start.elapsed(), limit.waiting()), (2 * S, 0));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_wait_takes_no_token() {
    let (limit, cx) = (RateLimit::new(Rate::per_second(1)), Context::background());
    let keyed = KeyedRateLimit::new(Rate::per_second(1));
    assert!(limit.try_acquire().is_ok() && keyed.try_acquire(&7).is_ok());
    for _ in 0..9 {
        // By dropping the wait, and by the end of the context.
        assert!(timeout(100 * MS, limit.acquire(&cx)).await.is_err());
        assert!(timeout(MS, keyed.acquire(&cx, &7)).await.is_err());
        let done = limit.acquire(&cx.with_timeout(MS)).await;
        assert!(matches!(done, Err(ContextError::DeadlineExceeded)));
        assert!(keyed.acquire(&cx.with_timeout(MS), &7).await.is_err());
    }
    advance(73 * MS).await;
    assert!(limit.try_acquire().is_ok() && keyed.try_acquire(&7).is_ok(), "there is a token after a second");
    let gone = cx.child();
    gone.cancel("enough");
    advance(S).await;
    assert!(limit.acquire(&gone).await.is_err() && limit.try_acquire().is_ok());
}

#[tokio::test(start_paused = true)]
async fn each_key_has_its_own_bucket_and_queue() {
    let (limit, cx) = (KeyedRateLimit::new(Rate::per_second(1).burst(2)), Context::background());
    for key in ["alice", "bob"] {
        assert_eq!((0..9).filter(|_| limit.try_acquire(&key).is_ok()).count(), 2);
    }
    let (start, order) = (Instant::now(), Mutex::new(Vec::new()));
    let turn = async |key: &'static str| {
        limit.acquire(&cx, &key).await.unwrap();
        order.lock().unwrap().push((key, start.elapsed().as_secs()));
    };
    tokio::join!(turn("alice"), turn("alice"), turn("bob"));
    let mut order = order.into_inner().unwrap();
    order.sort_unstable();
    assert_eq!(order, [("alice", 1), ("alice", 2), ("bob", 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_million_keys_need_the_memory_of_the_capacity() {
    let limit = KeyedRateLimit::with_capacity(Rate::per_second(1).burst(5), 1000);
    for key in 0..1_000_000 {
        if key % 1000 == 0 {
            // All buckets have given one token, and are full again.
            advance(S).await;
        }
        assert!(limit.try_acquire(&key).is_ok(), "{key}");
    }
    assert_eq!(limit.len(), 1000);
    // No bucket is full, so a new key is rejected, and one that has a bucket is not.
    let error = limit.try_acquire(&1_000_000).unwrap_err();
    assert_eq!(error.retry_after, S);
    assert!(limit.try_acquire(&999_999).is_ok());
    advance(error.retry_after).await;
    assert!(limit.try_acquire(&1_000_000).is_ok());
    assert_eq!(limit.len(), 1000);
}

#[test]
fn racing_threads_get_no_more_tokens_than_there_are() {
    let rate = Rate::new(1, Duration::from_hours(1)).burst(100);
    let (all, keys) = (RateLimit::new(rate), KeyedRateLimit::with_capacity(rate, 5));
    let take = || {
        let tries = (0..1000).map(|number| (all.try_acquire().is_ok(), keys.try_acquire(&(number % 5)).is_ok()));
        tries.fold((0, 0), |(all, keys), (of_all, of_key)| (all + i32::from(of_all), keys + i32::from(of_key)))
    };
    let got = thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(take)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    let sum = got.into_iter().reduce(|(all, keys), (more, of_keys)| (all + more, keys + of_keys)).unwrap();
    assert_eq!(sum, (100, 500));
}

#[tokio::test(start_paused = true)]
async fn extreme_rates_are_clamped() {
    let never = RateLimit::new(Rate::new(0, Duration::MAX).burst(u32::MAX));
    assert!(never.try_acquire().is_ok() && never.try_acquire().is_err());
    let always = RateLimit::new(Rate::new(u32::MAX, Duration::ZERO).burst(0));
    assert!(always.try_acquire().is_ok());
    advance(MS).await;
    assert!(always.try_acquire().is_ok());
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Pass(u64),
    Take(u8),
    /// Waits for a token of this key with a timeout in milliseconds.
    Wait(u8, u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0..400_u64).prop_map(Step::Pass),
        (0..6_u8).prop_map(Step::Take),
        (0..6_u8, 0..300_u64).prop_map(|(key, timeout)| Step::Wait(key, timeout)),
    ];
    prop::collection::vec(step, 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Six keys and a smaller capacity, so that buckets are evicted all the time.
    #[test]
    fn no_key_exceeds_its_rate_in_any_period(
        steps in steps(), count in 1..20_u32, burst in 1..6_u32, capacity in 1..7_usize,
    ) {
        let rate = Rate::per_second(count).burst(burst);
        paused(async {
            let (all, keys) = (RateLimit::new(rate), KeyedRateLimit::with_capacity(rate, capacity));
            let (cx, mut given, mut by_key) = (Context::background(), Vec::new(), vec![Vec::new(); 6]);
            for step in steps {
                match step {
                    Step::Pass(time) => advance(Duration::from_millis(time)).await,
                    Step::Take(key) => {
                        if all.try_acquire().is_ok() {
                            given.push(Instant::now());
                        }
                        if keys.try_acquire(&key).is_ok() {
                            by_key[usize::from(key)].push(Instant::now());
                        }
                    }
                    Step::Wait(key, timeout) => {
                        let cx = cx.with_timeout(Duration::from_millis(timeout));
                        if all.acquire(&cx).await.is_ok() {
                            given.push(Instant::now());
                        }
                        if keys.acquire(&cx, &key).await.is_ok() {
                            by_key[usize::from(key)].push(Instant::now());
                        }
                    }
                }
                prop_assert!(keys.len() <= capacity);
            }
            prop_assert!(respects(rate, &given), "{given:?}");
            for given in &by_key {
                prop_assert!(respects(rate, given), "{given:?}");
            }
            Ok(())
        })?;
    }

    /// With capacity for all keys, each has a bucket as if it were the only one.
    #[test]
    fn a_key_gets_the_tokens_it_would_get_alone(takes in prop::collection::vec((0..4_u8, 0..200_u64), 1..100)) {
        let rate = Rate::per_second(5).burst(3);
        paused(async {
            let keys = KeyedRateLimit::with_capacity(rate, 4);
            let alone: Vec<_> = (0..4).map(|_| RateLimit::new(rate)).collect();
            for (key, pause) in takes {
                advance(Duration::from_millis(pause)).await;
                prop_assert_eq!(keys.try_acquire(&key), alone[usize::from(key)].try_acquire());
            }
            Ok(())
        })?;
    }
}

/// Polls a future once, and keeps it.
fn poll_once(future: std::pin::Pin<&mut impl Future>) {
    assert!(future.poll(&mut TaskContext::from_waker(Waker::noop())).is_pending());
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_kept_holds_up_the_others_for_one_turn() {
    let (limit, cx, start) = (RateLimit::new(Rate::per_second(10).burst(1)), Context::background(), Instant::now());
    let keyed = KeyedRateLimit::new(Rate::per_second(10).burst(1));
    assert!(limit.try_acquire().is_ok() && keyed.try_acquire(&7).is_ok());
    let (mut kept, mut of_key) = (pin!(limit.acquire(&cx)), pin!(keyed.acquire(&cx, &7)));
    poll_once(kept.as_mut());
    poll_once(of_key.as_mut());
    assert!(limit.try_acquire().is_err() && keyed.try_acquire(&7).is_err());
    let all = async { tokio::join!(limit.acquire(&cx), limit.acquire(&cx)) };
    let key = async { tokio::join!(keyed.acquire(&cx, &7), keyed.acquire(&cx, &7)) };
    let ((one, two), (three, four)) = tokio::join!(all, key);
    assert!(one.is_ok() && two.is_ok() && three.is_ok() && four.is_ok());
    assert_eq!(start.elapsed(), 300 * MS, "each of them is one interval later");
    assert_eq!(limit.waiting(), 0);
    // Callers that do not wait are let in again.
    advance(100 * MS).await;
    assert!(limit.try_acquire().is_ok() && keyed.try_acquire(&7).is_ok());
    // The kept ones come first when they are polled, and not beside the others.
    assert!(limit.try_acquire().is_err());
    kept.await.unwrap();
    of_key.await.unwrap();
    assert_eq!(start.elapsed(), 500 * MS);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_does_not_wait_passes_a_wait_that_is_kept() {
    let (limit, cx) = (RateLimit::new(Rate::per_second(10)), Context::background());
    while limit.try_acquire().is_ok() {}
    let mut kept: Vec<_> = (0..3).map(|_| Box::pin(limit.acquire(&cx))).collect();
    for wait in &mut kept {
        poll_once(wait.as_mut());
    }
    advance(100 * MS).await;
    assert!(limit.try_acquire().is_err(), "the token belongs to the first of them");
    let mut tries = 0;
    while limit.try_acquire().is_err() {
        advance(10 * MS).await;
        tries += 1;
        assert!(tries < 100, "refused for ever");
    }
    assert_eq!(limit.waiting(), 0);
    // Dropped, they leave nothing behind.
    drop(kept);
    advance(S).await;
    assert_eq!((0..99).filter(|_| limit.try_acquire().is_ok()).count(), 10);
}

#[derive(Clone, Copy, Debug)]
enum Fate {
    /// Awaited to its end.
    Awaited,
    /// Polled once, and kept to the end of the test.
    Kept,
    /// Dropped after so many milliseconds.
    Dropped(u64),
    /// Not polled for so many milliseconds, then awaited.
    Late(u64),
}

fn fates() -> impl Strategy<Value = Vec<(u64, Fate)>> {
    let fate = prop_oneof![
        4 => Just(Fate::Awaited),
        1 => Just(Fate::Kept),
        1 => (0..900_u64).prop_map(Fate::Dropped),
        1 => (0..900_u64).prop_map(Fate::Late),
    ];
    prop::collection::vec((0..150_u64, fate), 1..25)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever becomes of the other waits, each wait that is awaited ends in time, in order, and
    /// within the rate.
    #[test]
    fn no_wait_holds_up_the_others(fates in fates(), count in 1..400_u32, burst in 1..6_u32) {
        let rate = Rate::per_second(count).burst(burst);
        paused(async {
            let (limit, cx, start) = (RateLimit::new(rate), Context::background(), Instant::now());
            while limit.try_acquire().is_ok() {}
            let given = Mutex::new(Vec::new());
            let one = async |number: usize, begin: u64, fate: Fate| {
                sleep(Duration::from_millis(begin)).await;
                let mut wait = Box::pin(limit.acquire(&cx));
                match fate {
                    Fate::Awaited => {}
                    Fate::Kept => {
                        let _ = wait.as_mut().poll(&mut TaskContext::from_waker(Waker::noop()));
                        sleep(100 * S).await;
                        return;
                    }
                    Fate::Dropped(after) => {
                        let _ = timeout(Duration::from_millis(after), wait).await;
                        return;
                    }
                    Fate::Late(after) => {
                        if wait.as_mut().poll(&mut TaskContext::from_waker(Waker::noop())).is_ready() {
                            return;
                        }
                        sleep(Duration::from_millis(after)).await;
                    }
                }
                wait.await.unwrap();
                given.lock().unwrap().push((number, matches!(fate, Fate::Awaited), begin, Instant::now()));
            };
            let waits = futures_of(fates.iter().enumerate().map(|(number, &(begin, fate))| one(number, begin, fate)));
            waits.await;
            let given = given.into_inner().unwrap();
            let times: Vec<_> = given.iter().map(|(.., at)| *at).collect();
            prop_assert!(respects(rate, &times), "{given:?}");
            // Each of the others costs a turn and a grace at most, and each timer a millisecond.
            let slot = rate.interval().max(2 * MS) + 22 * MS;
            let most = 1050 * MS + slot * u32::try_from(fates.len() + 1).unwrap();
            for (number, _, _, at) in &given {
                prop_assert!(at.duration_since(start) <= most, "{number} of {given:?} after {:?}", at.duration_since(start));
            }
            // Those that are awaited all the time are served in the order of their calls.
            let awaited: Vec<_> = given.iter().filter(|(_, awaited, ..)| *awaited).map(|(number, _, begin, _)| (*begin, *number)).collect();
            prop_assert!(awaited.is_sorted_by_key(|(begin, _)| *begin), "{awaited:?}");
            Ok(())
        })?;
    }
}

/// Runs futures together.
async fn futures_of<F: Future<Output = ()>>(futures: impl Iterator<Item = F>) {
    let mut futures: Vec<_> = futures.map(|future| Some(Box::pin(future))).collect();
    std::future::poll_fn(|task| {
        for slot in &mut futures {
            if slot.as_mut().is_some_and(|future| future.as_mut().poll(task).is_ready()) {
                *slot = None;
            }
        }
        if futures.iter().all(Option::is_none) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}
