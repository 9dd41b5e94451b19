//! Calls of something that may hang: every call is counted once, and keeps its place until it is gone.

use std::sync::{
    Arc,
    atomic::{AtomicU32, AtomicUsize, Ordering},
};

use upbeat::monitor::{CallError, Monitor};

use crate::explore::{MS, Time, explore, pause, settle};

const MOST: usize = 2;

/// Every call that is over for its caller is counted once.
fn adds_up(monitor: &Monitor, calls: u64) {
    let counts = monitor.counts();
    let told = counts.done + counts.panicked + counts.timed_out + counts.busy + counts.abandoned + counts.lost;
    assert!(counts.calls == calls && told == calls, "{counts:?}");
}

#[test]
fn every_call_is_counted_once_whenever_its_time_is_over() {
    explore(Time::AtAnyMoment, || async {
        let monitor = Monitor::new("db").timeout(MS * 10).at_most(MOST).alert_after(MS);
        let running = Arc::new(AtomicUsize::new(0));
        let callers: Vec<_> = (0..4)
            .map(|_| {
                let (monitor, running) = (monitor.clone(), running.clone());
                tokio::spawn(async move {
                    let call = monitor.call("call", async move {
                        assert!(running.fetch_add(1, Ordering::SeqCst) < MOST, "too many at once");
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
        adds_up(&monitor, 4);
        let counts = monitor.counts();
        // Each caller was told what was counted.
        assert_eq!((counts.done, counts.timed_out, counts.busy), (done, timed_out, busy), "{counts:?}");
        assert_eq!((monitor.active(), counts.late), (0, timed_out), "{counts:?}");
    });
}

#[test]
fn callers_that_go_away_leave_no_place_taken() {
    explore(Time::AtAnyMoment, || async {
        for cancel in [false, true] {
            let monitor = Monitor::new("db").timeout(MS * 10).at_most(MOST);
            let monitor = if cancel { monitor.cancel_on_timeout() } else { monitor };
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
            adds_up(&monitor, monitor.counts().calls);
        }
    });
}

#[test]
fn what_hangs_is_told_once_and_then_refused_at_once() {
    explore(Time::WhenIdle, || async {
        let alerts = Arc::new(AtomicU32::new(0));
        let counted = alerts.clone();
        let monitor = Monitor::new("db").timeout(MS * 10).at_most(MOST).alert_after(MS * 10).on_alert(move |alert| {
            assert!(alert.calls.len() == MOST && alert.calls.iter().all(|call| call.stuck), "{alert}");
            counted.fetch_add(1, Ordering::SeqCst);
        });
        let callers: Vec<_> = (0..=MOST)
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
        adds_up(&monitor, MOST as u64 + 1);
        assert!(matches!(monitor.call("late", async {}).await, Err(CallError::Busy { .. })));
    });
}
