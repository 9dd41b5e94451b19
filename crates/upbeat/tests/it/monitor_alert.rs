//! Alerts of a monitor, and the recovery after them.
//!
//! Every test records events: `tracing` caches at the first event whether there is a subscriber for
//! it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc as threads,
    },
    time::Duration,
};

use crate::common::calls::{Counted, GATE, PanicsInDrop, S, begin, open_gate, settle, until};
use crate::common::events::Events;
use tokio::{
    sync::{Notify, mpsc},
    time::{Instant, advance, sleep},
};
use tracing::Level;
use upbeat::{
    diagnostics::WorkList,
    monitor::{Alert, CallError, Monitor},
};

/// Returns a monitor of two calls with alerts in a channel, and both calls waiting at the gate.
async fn stuck_at(gate: &Arc<Notify>) -> (Monitor, mpsc::UnboundedReceiver<(Instant, Alert)>) {
    let (sender, alerts) = mpsc::unbounded_channel();
    let monitor = Monitor::builder("bank").timeout(5 * S).max_calls(2).alert_after(10 * S);
    let monitor = monitor.on_alert(move |alert| {
        // The test may have ended.
        let _ = sender.send((Instant::now(), alert.clone()));
    });
    let monitor = monitor.build();
    drop(begin(&monitor, "charge", open_gate(gate.clone())).await);
    advance(S).await;
    drop(begin(&monitor, "refund", open_gate(gate.clone())).await);
    (monitor, alerts)
}

#[tokio::test(start_paused = true)]
async fn one_alert_locates_the_stuck_calls_and_recovery_arms_the_next() {
    let (events, _recording) = Events::record();
    let gate = Arc::new(Notify::new());
    let begun = Instant::now();
    let (monitor, mut alerts) = stuck_at(&gate).await;

    let (when, alert) = alerts.recv().await.unwrap();
    assert_eq!(when - begun, 16 * S, "the younger one is past its timeout for alert_after");
    let text = alert.to_string();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("`bank` is stuck: all 2 calls for 10.0 s"));
    assert_eq!(lines.next(), Some("`charge`, 16.0 s, stuck: waiting in"));
    assert!(text.contains("`refund`, 15.0 s, stuck: waiting in"), "{text}");
    assert_eq!(text.matches(&format!("calls.rs:{GATE}")).count(), 2, "line {GATE} in {text}");
    let calls = alert.calls.iter().map(|call| (&*call.name, call.age, call.stuck));
    assert_eq!(calls.collect::<Vec<_>>(), [("charge", 16 * S, true), ("refund", 15 * S, true)]);

    let snapshot = monitor.snapshot().await;
    assert!(snapshot.alerted && snapshot.calls.len() == 2);
    assert_eq!(snapshot.to_string().lines().next(), Some("`bank`: 2 of 2 calls"));

    sleep(3600 * S).await;
    assert!(alerts.try_recv().is_err(), "the alert is repeated");
    let calls = text.split_once('\n').unwrap().1;
    let logged = format!("ERROR all calls of the monitor are stuck monitor=\"bank\" stuck_ms=10000 calls={calls}");
    assert_eq!(events.with(Level::ERROR, "stuck"), [logged]);
    assert!(events.with(Level::INFO, "recovered").is_empty());

    gate.notify_one();
    until(|| monitor.active() == 1).await;
    assert_eq!(
        events.with(Level::INFO, "recovered"),
        ["INFO monitor recovered monitor=\"bank\" call=\"charge\" stuck_ms=3610000"]
    );
    assert!(!monitor.snapshot().await.alerted);
    assert_eq!(monitor.call("again", async { 1 }).await.unwrap(), 1);

    drop(begin(&monitor, "charge", open_gate(gate.clone())).await);
    let (when, alert) = alerts.recv().await.unwrap();
    assert_eq!(alert.calls[1].age, 15 * S);
    assert_eq!(when.elapsed(), Duration::ZERO);
    gate.notify_waiters();
    until(|| monitor.active() == 0).await;
    assert_eq!(events.with(Level::INFO, "recovered").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn calls_that_return_avert_the_alert() {
    let (_events, _recording) = Events::record();
    let gate = Arc::new(Notify::new());
    let (monitor, mut alerts) = stuck_at(&gate).await;
    for _ in 0..5 {
        sleep(14 * S).await;
        gate.notify_one();
        settle().await;
        drop(begin(&monitor, "charge", open_gate(gate.clone())).await);
    }
    assert!(alerts.try_recv().is_err());
    assert!(alerts.recv().await.is_some(), "the watch has ended");
}

#[tokio::test(start_paused = true)]
async fn a_callback_that_panics_does_not_stop_the_alerts() {
    let (events, _recording) = Events::record();
    let monitor = Monitor::builder("bank").timeout(S).alert_after(S).max_calls(1);
    let monitor = monitor.on_alert(|_| panic!("no answer")).build();
    let gate = Arc::new(Notify::new());
    for round in 1..=2 {
        drop(begin(&monitor, "charge", open_gate(gate.clone())).await);
        while events.with(Level::ERROR, "alert callback panicked").len() < round {
            sleep(S).await;
        }
        gate.notify_one();
        until(|| monitor.active() == 0).await;
    }
    assert_eq!(events.with(Level::INFO, "recovered").len(), 2);
}

/// While a blocking function runs, a paused clock does not advance.
#[tokio::test(start_paused = true)]
async fn functions_time_out_appear_in_the_alert_and_end() {
    let (_events, _recording) = Events::record();
    let (sender, mut alerts) = mpsc::unbounded_channel();
    let monitor = Monitor::builder("disk").timeout(5 * S).max_calls(1).alert_after(10 * S);
    let monitor = monitor.on_alert(move |alert| sender.send(alert.clone()).unwrap()).build();
    assert_eq!(monitor.call_blocking("size", || 42).await.unwrap(), 42);

    let live = Arc::new(AtomicUsize::new(0));
    let (release, released) = threads::channel::<()>();
    let (running, runs) = threads::channel();
    let caller = tokio::spawn({
        let (monitor, live) = (monitor.clone(), live.clone());
        async move {
            let read = move || {
                running.send(()).unwrap();
                released.recv().unwrap();
                Counted::new(&live)
            };
            monitor.call_blocking("read", read).await.map(drop)
        }
    });
    until(|| runs.try_recv().is_ok()).await;
    advance(5 * S).await;
    assert!(matches!(caller.await.unwrap(), Err(CallError::TimedOut { .. })));
    assert!(matches!(monitor.call_blocking("next", || ()).await, Err(CallError::Busy { stuck: 1, .. })));
    advance(10 * S).await;
    let alert = alerts.recv().await.unwrap();
    assert!(alert.calls[0].location.busy_for() == Some(15 * S));
    let text = alert.to_string();
    assert!(text.ends_with("\n`read`, 15.0 s, stuck: on a blocking thread for 15.0 s"), "{text}");
    let mut work = WorkList::default();
    monitor.list(&mut work);
    assert_eq!(work.oldest[0].to_string(), format!("{} read for 15.0 s", monitor.name()));

    release.send(()).unwrap();
    until(|| monitor.active() == 0).await;
    assert_eq!((live.load(SeqCst), monitor.counts().late), (0, 1));
    assert!(monitor.call_blocking("next", || ()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn late_panics_of_every_kind_are_logged() {
    let (events, _recording) = Events::record();
    let monitor = Monitor::builder("bank").timeout(S).build();
    let gate = Arc::new(Notify::new());
    let (one, two) = (gate.clone(), gate.clone());
    let value = begin(&monitor, "value", async move {
        one.notified().await;
        PanicsInDrop
    });
    let value = value.await;
    let poll = begin(&monitor, "poll", async move {
        two.notified().await;
        panic!("too late");
    })
    .await;
    assert!(matches!(value.await.unwrap(), Err(CallError::TimedOut { .. })));
    assert!(matches!(poll.await.unwrap(), Err::<(), _>(CallError::TimedOut { .. })));
    gate.notify_waiters();
    until(|| monitor.active() == 0).await;
    assert_eq!(monitor.counts().late, 2);
    assert_eq!(events.with(Level::ERROR, "call=\"value\" panic=\"and another thing\"").len(), 1);
    assert_eq!(events.with(Level::ERROR, "call=\"poll\" panic=\"too late\"").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_standstill_of_the_process_is_not_time_in_which_calls_are_stuck() {
    let (_events, _recording) = Events::record();
    let gate = Arc::new(Notify::new());
    let (_monitor, mut alerts) = stuck_at(&gate).await;
    settle().await;
    // As after SIGSTOP: all timers are due at once.
    advance(60 * S).await;
    let resumed = Instant::now();
    sleep(9 * S).await;
    assert!(alerts.try_recv().is_err());
    let (when, alert) = alerts.recv().await.unwrap();
    assert_eq!((when - resumed, alert.calls.len()), (10 * S, 2));
}
