//! Timers that can be reset, and players that wait before they play.

use std::{
    future::Future,
    pin::pin,
    task::{Context as TaskContext, Poll, Waker},
    time::{Duration, SystemTime},
};

use crate::common::{MS, S};
use tokio::time::{Instant, advance, sleep, timeout};
use upbeat::{
    BoxError, Conductor, Context, Part, once,
    time::{Timer, at, delayed},
};

#[tokio::test(start_paused = true)]
async fn a_timer_fires_once_per_reset() {
    let (timer, start) = (Timer::new(5 * S), Instant::now());
    assert!(timeout(100 * S, timer.fired()).await.is_err(), "it was not set");
    timer.reset();
    timer.fired().await;
    assert_eq!(start.elapsed(), 105 * S);
    assert!(timeout(100 * S, timer.fired()).await.is_err(), "it fired twice");
    timer.reset();
    timer.fired().await;
    assert_eq!(start.elapsed(), 210 * S);
}

#[tokio::test(start_paused = true)]
async fn a_timer_fires_when_the_events_have_paused() {
    let (timer, start) = (Timer::new(5 * S), Instant::now());
    let events = async {
        for _ in 0..10 {
            timer.reset();
            sleep(4 * S).await;
        }
    };
    tokio::join!(events, timer.fired());
    assert_eq!(start.elapsed(), 41 * S, "the last event is at 36 s");
}

#[tokio::test(start_paused = true)]
async fn a_shorter_delay_wakes_a_waiter_early() {
    let (timer, start) = (Timer::new(100 * S), Instant::now());
    timer.reset();
    let sooner = async {
        sleep(S).await;
        timer.reset_in(2 * S);
    };
    tokio::join!(sooner, timer.fired());
    assert_eq!(start.elapsed(), 3 * S);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_timer_does_not_fire() {
    let timer = Timer::new(5 * S);
    assert!(!timer.stop());
    timer.reset();
    advance(10 * S).await;
    assert!(timer.is_set() && timer.stop(), "it has fired without a waiter");
    assert!(timeout(100 * S, timer.fired()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_wait_keeps_the_firing() {
    let timer = Timer::new(5 * S);
    timer.reset();
    {
        let mut cancelled = pin!(timer.fired());
        assert_eq!(cancelled.as_mut().poll(&mut TaskContext::from_waker(Waker::noop())), Poll::Pending);
        advance(10 * S).await;
    }
    assert!(timeout(MS, timer.fired()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_delayed_player_plays_after_its_delay_or_ends_cleanly() {
    let begun = Instant::now();
    let job = once(async move |_: Context| {
        assert_eq!(begun.elapsed(), 30 * S);
        Ok::<_, BoxError>(())
    });
    let report =
        Conductor::new("shop").part(Part::new("job", delayed(30 * S, job)).job()).play_until(sleep(90 * S)).await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(begun.elapsed(), 30 * S, "a conductor ends when its jobs have ended");

    let never = async |_: Context| Err::<(), _>(BoxError::from("it must not play"));
    let job = Part::new("job", delayed(Duration::MAX, never)).job();
    let report = Conductor::new("shop").part(job).play_until(sleep(S)).await;
    assert!(report.is_clean(), "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_player_for_a_time_of_day_follows_a_clock_that_is_set() {
    // A clock that is put forward by an hour ten minutes after the start.
    let (midnight, start) = (SystemTime::UNIX_EPOCH + 86_400 * S, Instant::now());
    let clock = move || {
        let gone = start.elapsed();
        midnight + gone + if gone < 600 * S { Duration::ZERO } else { 3600 * S }
    };
    let job = async |_: Context| Ok::<_, BoxError>(());
    let part = Part::new("job", at(midnight + 3000 * S, job).clock(clock)).job();
    let report = Conductor::new("shop").part(part).play_until(sleep(9999 * S)).await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(start.elapsed(), 600 * S);
}
