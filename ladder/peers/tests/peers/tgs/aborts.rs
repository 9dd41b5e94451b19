//! Aborts: `tests/abort.rs` and the unit tests.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use peers::{Command, Event, MS, S, Scripted, failures, idle, paused, playing, stop, unclean};
use tokio::time::{sleep, timeout};
use upbeat::{BoxError, Conductor, Context, Part, once, report::Outcome, with};

/// Composed, after `abort_subsystem_works` and example 22: a part with a stop timeout of zero is
/// aborted by `stop`.
#[test]
fn a_part_without_time_to_stop_is_aborted_by_request() {
    paused(async || {
        let never = async |_: Context| -> Result<(), BoxError> {
            sleep(S).await;
            panic!("it should not come so far")
        };
        let part = Part::new("nested", never).stop_timeout(Duration::ZERO);
        let (handle, playing) = playing(Conductor::new("top").player("other", idle).part(part));
        sleep(500 * MS).await;
        // A late task is probed before it is aborted, for a tenth of a second at most.
        let ended = timeout(200 * MS, handle.part("nested").stop()).await.expect("at once").unwrap();
        assert_eq!(ended.outcome, Outcome::Overran);
        sleep(S).await;
        let report = stop(&handle, playing).await;
        assert!(failures(report.player("top/nested").unwrap()).is_empty(), "{report}");
        assert_eq!(report.exit_code(), 124, "killed is killed, also by hand");
    });
}

/// Same as `abort_subsystem_works`, `multiple_abort_works`, `abort_ensures_drop`: a task of the
/// run.
#[test]
fn a_spawned_task_can_be_aborted_twice_and_is_dropped() {
    struct Dropped(Arc<AtomicBool>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.store(true, SeqCst);
        }
    }
    paused(async || {
        let dropped = Arc::new(AtomicBool::new(false));
        let player = with(dropped.clone(), async |dropped: Arc<AtomicBool>, cx: Context| {
            let owned = Dropped(dropped.clone());
            let nested = cx.spawn("nested", async move {
                let _owned = owned;
                pending::<()>().await;
            });
            sleep(500 * MS).await;
            nested.abort();
            sleep(MS).await;
            assert!(nested.is_finished() && dropped.load(SeqCst));
            nested.abort();
            cx.stopping().await;
            Ok::<_, BoxError>(())
        });
        let report = Conductor::new("top").player("subsys", player).play_until(sleep(S)).await;
        assert!(report.is_clean(), "{report}");
    });
}

/// Same as `nested_subsystem_is_aborted`.
#[test]
fn aborting_a_conductor_aborts_its_players() {
    paused(async || {
        let alive = Scripted::new();
        alive.send(Command::Hang);
        let inner = Conductor::new("d1").player("d2", alive.player());
        let part = Part::new("d1", inner).stop_timeout(Duration::ZERO);
        let (handle, playing) = playing(Conductor::new("top").player("other", idle).part(part));
        alive.started(1).await;
        sleep(500 * MS).await;
        timeout(2 * S, handle.part("d1").stop()).await.expect("soon").unwrap();
        assert_eq!(alive.live(), 0);
        let report = stop(&handle, playing).await;
        assert_eq!(report.exit_code(), 124);
    });
}

/// Same as `abort_overrides_shutdown`, `multiple_abort_works`: for everything at once.
#[test]
fn an_abort_ends_a_stop_in_progress() {
    paused(async || {
        let slow = Scripted::stops_after(500 * MS);
        let (handle, playing) = playing(Conductor::new("top").player("nested", slow.player()));
        slow.started(1).await;
        handle.stop();
        sleep(100 * MS).await;
        handle.abort();
        handle.abort();
        let report = timeout(300 * MS, playing).await.expect("at once").unwrap();
        assert_eq!(slow.live(), 0);
        assert_eq!(unclean(&report), ["top/nested: aborted"]);
    });
}

/// Same as `recursive_cancellation`, `recursive_cancellation_2`.
#[test]
fn dropping_a_conductor_aborts_the_tasks_of_a_returned_player() {
    paused(async || {
        let (started, held) = (Event::default(), Arc::new(()));
        let gone = Arc::downgrade(&held);
        let player = {
            let (started, held) = (started.clone(), held);
            once(async move |cx: Context| {
                cx.spawn("deep", async move {
                    started.set();
                    pending::<()>().await;
                    drop(held);
                });
                Ok::<_, BoxError>(())
            })
        };
        let mut play = Box::pin(Conductor::new("top").part(Part::new("subsys", player).job()).play_until(pending()));
        assert!(timeout(100 * MS, &mut play).await.is_err());
        assert!(started.is_set() && gone.upgrade().is_some(), "it goes on as long as the whole does");
        drop(play);
        sleep(100 * MS).await;
        assert!(gone.upgrade().is_none());
    });
}

/// Same as `join`, `join_through_ref`, `recursive_finished`.
#[test]
fn a_run_ends_with_its_last_task_in_any_order() {
    paused(async || {
        let (a, b, c) = (Event::default(), Event::default(), Event::default());
        let player = with([a.clone(), b.clone(), c.clone()], async |[a, b, c]: [Event; 3], cx: Context| {
            let inner = cx.clone();
            cx.spawn("child", async move {
                inner.spawn("grandchild", async move { c.wait().await });
                b.wait().await;
            });
            a.wait().await;
            Ok::<_, BoxError>(())
        });
        let (_handle, playing) = playing(Conductor::new("top").part(Part::new("root", player).job()));
        for event in [b, a, c] {
            sleep(50 * MS).await;
            assert!(!playing.is_finished());
            event.set();
        }
        let report = timeout(50 * MS, playing).await.expect("all are stopped").unwrap();
        assert!(report.is_clean(), "{report}");
    });
}

/// Same as `extract_related_from_graceful_shutdown_error`,
/// `extract_contained_error_from_convert_subsystem_failure` and example 18.
#[test]
fn errors_keep_their_types() {
    #[derive(Debug, PartialEq)]
    enum MyError {
        WithData(u32),
    }
    impl std::fmt::Display for MyError {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("mine")
        }
    }
    impl std::error::Error for MyError {}
    paused(async || {
        let fails = async |_: Context| Err::<(), _>(MyError::WithData(42));
        let report = Conductor::new("top").player("one", fails).play_until(pending()).await;
        let error = &report.player("top/one").unwrap().failures[0].error;
        assert_eq!(error.downcast_ref(), Some(&MyError::WithData(42)));
    });
}
