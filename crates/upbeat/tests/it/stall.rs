//! A scope that exceeds its limit is reported once with its location, and continues.
//!
//! Every test records events: `tracing` caches at the first event whether there is a subscriber for
//! it.

use std::{cell::Cell, future::pending, sync::mpsc as threads, time::Duration};

use crate::common::events::Events;
use tokio::{
    runtime::Handle,
    sync::oneshot,
    task::yield_now,
    time::{Instant, sleep, timeout},
};
use tracing::Level;
use upbeat::diagnostics::{Stall, stall_guard};

const S: Duration = Duration::from_secs(1);

/// The line of the `await` of [`charge`].
const CHARGE: u32 = line!() + 3;

async fn charge(bank: oneshot::Receiver<u32>) -> u32 {
    bank.await.unwrap_or(0)
}

/// Returns a channel for the report, and the callback that sends it.
fn report() -> (oneshot::Receiver<(Instant, Stall)>, impl FnOnce(&Stall) + Send) {
    let (sender, receiver) = oneshot::channel();
    // The test may have ended.
    (receiver, move |stall: &Stall| drop(sender.send((Instant::now(), stall.clone()))))
}

#[tokio::test(start_paused = true)]
async fn a_scope_past_its_limit_is_located_once_and_continues() {
    let (events, _recording) = Events::record();
    let (reported, on_stall) = report();
    let (bank, answers) = oneshot::channel();
    let begun = Instant::now();
    let checkout = tokio::spawn(stall_guard("checkout", 5 * S, charge(answers)).on_stall(on_stall));

    let (when, stall) = reported.await.unwrap();
    assert_eq!((when - begun, stall.taken), (5 * S, 5 * S));
    let text = stall.to_string();
    assert!(text.starts_with("`checkout` has taken 5.0 s: waiting in\n"), "{text}");
    assert!(text.contains(&format!("stall.rs:{CHARGE}")), "line {CHARGE} in {text}");

    sleep(3600 * S).await;
    let location = text.split_once(": ").unwrap().1;
    let logged = format!("WARN scope exceeded its time limit scope=\"checkout\" taken_ms=5000 location={location}");
    assert_eq!(events.with(Level::WARN, "checkout"), [logged]);
    bank.send(7).unwrap();
    assert_eq!(checkout.await.unwrap(), 7);
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_guarded_future_may_borrow_and_need_not_be_send() {
    let (_events, _recording) = Events::record();
    let cell = Cell::new(1);
    let sum = stall_guard("sum", S, async {
        yield_now().await;
        cell.set(cell.get() + 1);
        cell.get()
    });
    assert_eq!(sum.await, 2);
}

#[tokio::test(start_paused = true)]
async fn a_scope_that_ends_in_time_leaves_nothing_and_logs_nothing() {
    let (events, _recording) = Events::record();
    let alive = || Handle::current().metrics().num_alive_tasks();
    let before = alive();
    for i in 0..1000 {
        match i % 6 {
            0 => stall_guard("done", 5 * S, async {}).await,
            1 => stall_guard("slept", 5 * S, sleep(S)).await,
            2 => assert!(timeout(S, stall_guard("dropped", 5 * S, pending::<()>())).await.is_err()),
            // Past the half of the limit there is a task.
            3 => stall_guard("slept long", 5 * S, sleep(3 * S)).await,
            4 => assert!(timeout(3 * S, stall_guard("dropped late", 5 * S, pending::<()>())).await.is_err()),
            _ => drop(stall_guard("not polled", 5 * S, pending::<()>())),
        }
    }
    yield_now().await;
    assert_eq!(alive(), before);
    sleep(10 * S).await;
    assert!(events.with(Level::WARN, "").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_finished_guard_that_is_kept_has_stopped_its_timer() {
    let (events, _recording) = Events::record();
    let mut guard = Box::pin(stall_guard("done", 5 * S, async { 1 }));
    assert_eq!(guard.as_mut().await, 1);
    sleep(10 * S).await;
    assert!(events.with(Level::WARN, "").is_empty());
    drop(guard);
}

#[tokio::test(start_paused = true)]
async fn a_scope_that_ends_just_past_its_limit_is_reported() {
    let (events, _recording) = Events::record();
    let (reported, on_stall) = report();
    let slow = sleep(5 * S + Duration::from_millis(1));
    stall_guard("slow", 5 * S, slow).on_stall(on_stall).await;
    let (_, stall) = reported.await.unwrap();
    assert_eq!(events.with(Level::WARN, "scope=\"slow\" taken_ms=500").len(), 1, "{stall}");
}

#[tokio::test(start_paused = true)]
async fn a_callback_that_panics_is_logged() {
    let (events, _recording) = Events::record();
    let guard = stall_guard("slow", S, pending::<()>()).on_stall(|_| panic!("no answer"));
    assert!(timeout(60 * S, guard).await.is_err());
    assert_eq!(events.with(Level::ERROR, "stall callback panicked scope=\"slow\" panic=\"no answer\"").len(), 1);
}

#[test]
fn a_scope_that_never_yields_is_reported() {
    let (_events, _recording) = Events::record();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    let (reported, on_stall) = report();
    let (release, released) = threads::channel::<()>();
    // Half of it is more than the timeout of the probe alone would show.
    let limit = Duration::from_millis(700);
    let spins = runtime.spawn(stall_guard("spin", limit, async move { released.recv().is_ok() }).on_stall(on_stall));
    let (_, stall) = runtime.block_on(reported).unwrap();
    assert!(stall.location.busy_for().is_some_and(|time| time >= limit / 2), "{stall}");
    assert!(stall.to_string().contains("inside one poll for at least"), "{stall}");
    release.send(()).unwrap();
    assert!(runtime.block_on(spins).unwrap());
}

/// `cargo test --release -p upbeat --test stall cost_of_a_guard -- --ignored --nocapture`
#[tokio::test]
#[ignore = "a measurement"]
async fn cost_of_a_guard() {
    const TIMES: u32 = 1_000_000;
    let begun = std::time::Instant::now();
    for _ in 0..TIMES {
        yield_now().await;
    }
    let bare = begun.elapsed() / TIMES;
    let begun = std::time::Instant::now();
    for _ in 0..TIMES {
        stall_guard("checkout", 5 * S, yield_now()).await;
    }
    println!("a yield: {bare:?}, guarded: {:?}", begun.elapsed() / TIMES);
}
