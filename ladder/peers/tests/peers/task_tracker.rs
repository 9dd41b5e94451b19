//! The tests of `TaskTracker` in tokio-util: `tests/task_tracker.rs`.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
};

use peers::{Event, MS, S, clean_report, paused, playing, real, settle, until};
use tokio::time::{Instant, sleep, timeout};
use upbeat::{Conductor, Part, report::Outcome, task::Tracker};

fn soon() -> Instant {
    Instant::now() + S
}

/// Tracks work that ends with the returned event.
fn token(tracker: &Tracker) -> Event {
    let end = Event::default();
    let waits = end.clone();
    tracker.track("token", async move { waits.wait().await }).expect("it is open");
    end
}

/// Differs from `open_close`: closing and waiting are one call. A new run opens the tracker again.
#[test]
fn a_shutdown_closes_a_tracker_and_a_run_opens_it() {
    paused(async || {
        let tracker = Tracker::new();
        assert_eq!(tracker.open(), 0);
        for _ in 0..2 {
            let ended = timeout(MS, tracker.shutdown(soon())).await.expect("there is nothing to wait for");
            assert_eq!((ended.finished, ended.lost.len()), (0, 0));
            assert!(tracker.track("late", async {}).is_err());
        }
        let (handle, playing) = playing(Conductor::new("shop").player("tracker", tracker.clone()));
        until(&handle, "tracker", "ready").await;
        assert!(tracker.track("work", async {}).is_ok());
        let report = clean_report(&handle, playing).await;
        assert_eq!(report.player("shop/tracker").unwrap().notes, ["1 finished, 0 lost"]);
        assert!(tracker.track("late", async {}).is_err());
    });
}

/// Same as `token_len`.
#[test]
fn a_tracker_counts_open_work() {
    paused(async || {
        let tracker = Tracker::new();
        let mut tokens = Vec::new();
        for i in 0..10 {
            assert_eq!(tracker.open(), i);
            tokens.push(token(&tracker));
        }
        assert_eq!(tracker.open(), 10);
        for (i, token) in tokens.into_iter().enumerate() {
            token.set();
            settle().await;
            assert_eq!(tracker.open(), 9 - i);
        }
    });
}

/// Same as `notify_immediately`, `notify_on_close`.
#[test]
fn a_shutdown_without_open_work_ends_at_once() {
    paused(async || {
        let ended = timeout(MS, Tracker::new().shutdown(soon())).await.expect("at once");
        assert!(ended.lost.is_empty());
    });
}

/// Same as `notify_on_last_task`.
#[test]
fn a_shutdown_ends_with_the_last_task() {
    paused(async || {
        let tracker = Tracker::new();
        let token = token(&tracker);
        let waits = tracker.clone();
        let wait = tokio::spawn(async move { waits.shutdown(Instant::now() + S * 3600).await });
        sleep(S).await;
        assert!(!wait.is_finished());
        token.set();
        let ended = timeout(MS, wait).await.expect("it is over").unwrap();
        assert_eq!((ended.finished, ended.lost.len()), (1, 0));
    });
}

/// Differs from `notify_on_last_task_respawn`, `spawn_after_close`, `close_then_spawn`: a closed
/// tracker accepts nothing. There it does.
#[test]
fn a_closed_tracker_refuses_work_and_does_not_begin_it() {
    paused(async || {
        let tracker = Tracker::new();
        let token = token(&tracker);
        let waits = tracker.clone();
        let wait = tokio::spawn(async move { waits.shutdown(soon()).await });
        settle().await;
        let start = Event::default();
        for _ in 0..8 {
            let sets = start.clone();
            let refused = tracker.track("late", async move { sets.set() }).unwrap_err();
            assert_eq!(refused.name(), "late");
        }
        token.set();
        assert_eq!(wait.await.unwrap().finished, 1);
        assert!(!start.is_set());
    });
}

/// Same as `close_during_exit`.
#[test]
fn a_shutdown_may_begin_at_any_moment() {
    paused(async || {
        const TOKENS: usize = 5;
        for close_at in 0..=TOKENS {
            let tracker = Tracker::new();
            let tokens: Vec<_> = (0..TOKENS).map(|_| token(&tracker)).collect();
            let mut wait = None;
            let waits = || {
                let tracker = tracker.clone();
                tokio::spawn(async move { tracker.shutdown(soon()).await })
            };
            for (i, token) in tokens.into_iter().enumerate() {
                if i == close_at {
                    wait = Some(waits());
                    settle().await;
                }
                assert!(wait.as_ref().is_none_or(|wait| !wait.is_finished()), "{close_at} {i}");
                token.set();
                settle().await;
            }
            let ended = timeout(MS, wait.unwrap_or_else(waits)).await.expect("it is over").unwrap();
            assert_eq!((ended.finished, ended.lost.len()), (TOKENS as u64, 0));
        }
    });
}

/// Same as `notify_many`.
#[test]
fn all_shutdowns_return() {
    paused(async || {
        let tracker = Tracker::new();
        let token = token(&tracker);
        let waits: Vec<_> = (0..10)
            .map(|_| {
                let tracker = tracker.clone();
                tokio::spawn(async move { tracker.shutdown(soon()).await })
            })
            .collect();
        settle().await;
        assert!(waits.iter().all(|wait| !wait.is_finished()));
        token.set();
        for wait in waits {
            assert_eq!(timeout(MS, wait).await.expect("it is stopping").unwrap().finished, 1);
        }
    });
}

/// Same as `spawn::spawn_then_close`.
#[test]
fn tracked_work_is_done_when_a_shutdown_returns() {
    real(2, async || {
        let (tracker, done) = (Tracker::new(), Arc::new(AtomicU32::new(0)));
        for i in 0..100 {
            let done = done.clone();
            tracker
                .track(format!("task{i}"), async move {
                    tokio::task::yield_now().await;
                    done.fetch_add(1, SeqCst);
                })
                .unwrap();
        }
        let ended = tracker.shutdown(Instant::now() + 20 * S).await;
        assert_eq!((ended.finished, tracker.open(), done.load(SeqCst)), (100, 0, 100));
    });
}

/// Same as `spawn_local_on::local_set::spawn_then_drop`.
#[test]
fn dropping_a_tracker_does_not_end_open_work() {
    paused(async || {
        let tracker = Tracker::new();
        let held = Arc::new(());
        for _ in 0..8 {
            let held = held.clone();
            tracker
                .track("task", async move {
                    pending::<()>().await;
                    drop(held);
                })
                .unwrap();
        }
        drop(tracker);
        settle().await;
        assert_eq!(Arc::strong_count(&held), 9);
    });
}

/// Differs: `TaskTracker` waits for ever.
#[test]
fn work_that_misses_the_deadline_is_aborted_and_named() {
    paused(async || {
        let (tracker, held) = (Tracker::new(), Arc::new(()));
        let inside = held.clone();
        tracker
            .track("endless", async move {
                pending::<()>().await;
                drop(inside);
            })
            .unwrap();
        let shop = Conductor::new("shop").part(Part::new("tracker", tracker.clone()).stop_timeout(S));
        let report = shop.play_until(sleep(S)).await;
        settle().await;
        assert_eq!((Arc::strong_count(&held), report.exit_code()), (1, 124));
        assert!(report.player("shop/tracker").unwrap().lost[0].starts_with("endless"), "{report}");
        assert_eq!(report.player("shop/tracker").unwrap().outcome, Outcome::Stopped);
    });
}

/// Same as `TestRunningAlreadyRunning` of suture: two places of a tree would close it for each
/// other.
#[test]
fn a_tracker_at_two_places_of_a_tree_is_a_fault() {
    paused(async || {
        let tracker = Tracker::new();
        let inner = Conductor::new("inner").player("two", tracker.clone());
        let top = Conductor::new("top").player("one", tracker).player("inner", inner);
        assert_eq!(top.play_until(pending()).await.exit_code(), 78);
    });
}
