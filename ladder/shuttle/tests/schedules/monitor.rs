//! Calls that may hang: every call is counted once, and is active until it has ended.

use std::sync::{
    Arc,
    atomic::{AtomicU32, AtomicUsize, Ordering},
};

use upbeat::monitor::{CallError, Monitor};

use crate::explore::{MS, Time, explore, pause, settle};

const MAX: usize = 2;

/// Asserts that every call that has ended for its caller is counted once.
fn assert_sum(monitor: &Monitor, calls: u64) {
    let counts = monitor.counts();
    let counted = counts.done + counts.panicked + counts.timed_out + counts.busy + counts.abandoned + counts.lost;
    assert!(counts.calls == calls && counted == calls, "{counts:?}");
}

#[test]
fn every_call_is_counted_once_whenever_it_times_out() {
    explore(Time::AtAnyMoment, || async {
        let monitor = Monitor::builder("db").timeout(MS * 10).max_calls(MAX).alert_after(MS).build();
        let running = Arc::new(AtomicUsize::new(0));
        let callers: Vec<_> = (0..4)
            .map(|_| {
                let (monitor, running) = (monitor.clone(), running.clone());
                tokio::spawn(async move {
                    let call = monitor.call("call", async move {
                        assert!(running.fetch_add(1, Ordering::SeqCst) < MAX, "too many at once");
                        pause(2).await;
                        running.fetch_sub(1, Ordering::SeqCst);
                    });
                    call.await
                })
            })
            .collect();
        let (mut done, mut timed_out, mut busy) = (0, 0, 0);
        for caller in callers {
            match caller.await.unwrap() {
                Ok(()) => done += 1,
                Err(CallError::TimedOut { .. }) => timed_out += 1,
                Err(CallError::Busy { .. }) => busy += 1,
                Err(error) => panic!("{error}"),
            }
        }
        settle().await;
        assert_sum(&monitor, 4);
        let counts = monitor.counts();
        // Each caller got the outcome that was counted.
        assert_eq!((counts.done, counts.timed_out, counts.busy), (done, timed_out, busy), "{counts:?}");
        assert_eq!((monitor.active(), counts.late), (0, timed_out), "{counts:?}");
    });
}

#[test]
fn abandoned_calls_end() {
    explore(Time::AtAnyMoment, || async {
        for cancel in [false, true] {
            let monitor = Monitor::builder("db").timeout(MS * 10).max_calls(MAX);
            let monitor = if cancel { monitor.cancel_on_timeout() } else { monitor }.build();
            let callers: Vec<_> = (0..3)
                .map(|_| {
                    let monitor = monitor.clone();
                    tokio::spawn(async move {
                        tokio::select! {
                            biased;
                            called = monitor.call("call", pause(3)) => drop(called),
                            () = pause(2) => {}
                        }
                    })
                })
                .collect();
            for caller in callers {
                caller.await.unwrap();
            }
            settle().await;
            assert_eq!(monitor.active(), 0);
            assert_sum(&monitor, monitor.counts().calls);
        }
    });
}

#[test]
fn hanging_calls_raise_one_alert_and_further_calls_are_rejected() {
    explore(Time::WhenIdle, || async {
        let alerts = Arc::new(AtomicU32::new(0));
        let counted = alerts.clone();
        let monitor = Monitor::builder("db")
            .timeout(MS * 10)
            .max_calls(MAX)
            .alert_after(MS * 10)
            .on_alert(move |alert| {
                assert!(alert.calls.len() == MAX && alert.calls.iter().all(|call| call.stuck), "{alert}");
                counted.fetch_add(1, Ordering::SeqCst);
            })
            .build();
        let callers: Vec<_> = (0..=MAX)
            .map(|_| {
                let monitor = monitor.clone();
                tokio::spawn(async move { monitor.call("hangs", std::future::pending::<()>()).await })
            })
            .collect();
        let mut busy = 0;
        for caller in callers {
            match caller.await.unwrap() {
                Err(CallError::TimedOut { .. }) => {}
                Err(CallError::Busy { .. }) => busy += 1,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(busy, 1);
        tokio::time::sleep(MS * 1000).await;
        assert_eq!(alerts.load(Ordering::SeqCst), 1);
        assert_sum(&monitor, MAX as u64 + 1);
        assert!(matches!(monitor.call("late", async {}).await, Err(CallError::Busy { .. })));
    });
}
