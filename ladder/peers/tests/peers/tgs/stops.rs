//! The start, the stop and its timeout: the first part of `tests/integration_test.rs`.

use std::future::pending;

use peers::{
    Event, MS, S, Scripted, failures, idle, paused, playing, real, sets_when_stopping, settle, stop, unclean, until,
};
use tokio::time::{sleep, timeout};
use upbeat::{
    BoxError, Conductor, Context, Handle, HandleError, Part, Player,
    panic::Panic,
    report::{Cause, Outcome, StopCause},
    with,
};

/// Same as `normal_shutdown`.
#[test]
fn a_stop_waits_for_a_slow_player() {
    paused(async || {
        let top =
            Conductor::new("top").stop_timeout(400 * MS).player("subsys", Scripted::stops_after(200 * MS).player());
        let report = top.play_until(sleep(100 * MS)).await;
        assert!(report.is_clean(), "{report}");
        assert_eq!(report.stop_took, Some(200 * MS));
    });
}

/// Same as `use_subsystem_struct`.
#[test]
fn a_player_can_be_a_type() {
    struct Mine;
    impl Player for Mine {
        type Error = BoxError;
        async fn play(&self, cx: Context) -> Result<(), BoxError> {
            cx.stopping().await;
            sleep(200 * MS).await;
            Ok(())
        }
    }
    paused(async || {
        let top = Conductor::new("top").stop_timeout(400 * MS).player("subsys", Mine);
        assert!(top.play_until(sleep(100 * MS)).await.is_clean());
    });
}

/// Same as `shutdown_timeout_causes_error`.
#[test]
fn a_player_that_exceeds_the_stop_timeout_fails_the_stop() {
    paused(async || {
        let top =
            Conductor::new("top").stop_timeout(200 * MS).player("subsys", Scripted::stops_after(400 * MS).player());
        let report = top.play_until(sleep(100 * MS)).await;
        assert!(!report.is_clean());
        assert_eq!(report.exit_code(), 124);
        assert_eq!(report.player("top/subsys").unwrap().outcome, Outcome::Overran);
    });
}

/// Same as `subsystem_finishes_with_success`.
#[test]
fn a_job_that_completes_does_not_stop_the_others() {
    paused(async || {
        let top =
            Conductor::new("top").part(Part::new("one", async |_| Ok::<_, BoxError>(())).job()).player("two", idle);
        let (handle, playing) = playing(top);
        sleep(200 * MS).await;
        assert!(!playing.is_finished());
        let report = timeout(200 * MS, stop(&handle, playing)).await.expect("nothing hangs");
        assert!(report.is_clean(), "{report}");
    });
}

/// Differs from `subsystem_finishes_with_success`: the end of a service before a stop is a failure.
/// A job may end.
#[test]
fn a_service_that_returns_before_a_stop_has_failed() {
    paused(async || {
        let top = Conductor::new("top").player("one", async |_| Ok::<_, BoxError>(())).player("two", idle);
        let report = top.play_until(pending()).await;
        assert_eq!(report.player("top/one").unwrap().outcome, Outcome::FinishedEarly);
        assert_eq!(report.exit_code(), 1);
    });
}

/// Same as `subsystem_finishes_with_error`.
#[test]
fn an_error_stops_the_others_and_is_the_cause() {
    paused(async || {
        let other = Event::default();
        let two = sets_when_stopping(&other);
        let top =
            Conductor::new("top").player("one", async |_| Err::<(), _>(BoxError::from("Error!"))).player("two", two);
        let report = timeout(200 * MS, top.play_until(pending())).await.expect("an error stops everything");
        assert!(matches!(&report.cause, Cause::Failed { path } if &**path == "top/one"));
        assert!(other.is_set());
    });
}

/// Same as `subsystem_receives_shutdown`.
#[test]
fn a_player_is_notified_of_the_stop() {
    paused(async || {
        let done = Event::default();
        let sets = sets_when_stopping(&done);
        let (handle, playing) = playing(Conductor::new("top").player("subsys", sets));
        sleep(100 * MS).await;
        assert!(!done.is_set());
        handle.stop();
        timeout(100 * MS, done.wait()).await.unwrap();
        assert!(timeout(100 * MS, playing).await.unwrap().unwrap().is_clean());
    });
}

/// Same as `nested_subsystem_receives_shutdown`.
#[test]
fn a_nested_player_is_notified_of_the_stop() {
    paused(async || {
        let done = Event::default();
        let sets = sets_when_stopping(&done);
        let nested = Conductor::new("subsys").player("nested", sets);
        let (handle, playing) = playing(Conductor::new("top").player("subsys", nested));
        sleep(100 * MS).await;
        assert!(!done.is_set());
        handle.stop();
        timeout(100 * MS, done.wait()).await.unwrap();
        assert!(timeout(100 * MS, playing).await.unwrap().unwrap().is_clean());
    });
}

/// Same as `nested_subsystem_error_propagates`.
#[test]
fn the_error_of_a_nested_player_stops_everything() {
    paused(async || {
        let nested = Conductor::new("subsys").player("nested", async |_| Err::<(), _>(BoxError::from("Error!")));
        let top = Conductor::new("top").player("subsys", nested);
        let report = timeout(200 * MS, top.play_until(pending())).await.expect("an error stops everything");
        assert_eq!(report.exit_code(), 1);
        assert_eq!(failures(report.player("top/subsys/nested").unwrap()), ["Error!"]);
        assert!(matches!(&report.cause, Cause::Failed { path } if &**path == "top/subsys/nested"), "{report}");
        assert_eq!(failures(report.player("top/subsys").unwrap()), ["top/subsys/nested: Error!"]);
    });
}

/// Same as `panic_gets_handled_correctly`.
#[test]
fn a_panic_of_a_nested_player_stops_everything() {
    paused(async || {
        let nested = Conductor::new("subsys").player("nested", async |_| -> Result<(), BoxError> { panic!("Error!") });
        let top = Conductor::new("top").player("subsys", nested);
        let report = timeout(200 * MS, top.play_until(pending())).await.expect("a panic stops everything");
        let failed = report.player("top/subsys/nested").unwrap();
        assert_eq!(failed.failures[0].panic().map(Panic::message), Some("Error!"));
    });
}

/// A player that stops everything after an event.
fn stops_all(handle: Handle, when: Event, done: Event) -> impl Player {
    with((handle, when, done), async |(handle, when, done): (Handle, Event, Event), cx: Context| {
        when.wait().await;
        handle.stop();
        cx.stopping().await;
        done.set();
        Ok::<_, BoxError>(())
    })
}

/// Same as `subsystem_can_request_shutdown` and example 10: the player has a handle.
#[test]
fn a_player_can_stop_everything() {
    paused(async || {
        let (now, done) = (Event::default(), Event::default());
        let top = Conductor::new("top");
        let handle = top.handle();
        let (handle, playing) = playing(top.player("subsys", stops_all(handle, now.clone(), done.clone())));
        sleep(200 * MS).await;
        assert!(!playing.is_finished() && !done.is_set() && handle.overview().snapshot().stopping.is_none());
        now.set();
        let report = timeout(200 * MS, playing).await.unwrap().unwrap();
        assert!(done.is_set() && report.is_clean());
        assert!(matches!(report.cause, Cause::Stopped(StopCause::Requested)));
    });
}

/// Same as `shutdown_timeout_causes_cancellation`.
#[test]
fn a_late_player_is_aborted_and_does_not_continue() {
    paused(async || {
        let done = Event::default();
        let slow = with(done.clone(), async |done: Event, cx: Context| {
            cx.stopping().await;
            sleep(300 * MS).await;
            done.set();
            Ok::<_, BoxError>(())
        });
        let (handle, playing) = playing(Conductor::new("top").stop_timeout(200 * MS).player("subsys", slow));
        sleep(200 * MS).await;
        handle.stop();
        let report = timeout(2 * S, playing).await.unwrap().unwrap();
        assert_eq!(report.exit_code(), 124);
        sleep(S).await;
        assert!(!done.is_set());
    });
}

/// Same as `spawning_task_during_shutdown_causes_task_to_be_cancelled`: a task of the run.
#[test]
fn a_task_spawned_while_stopping_observes_the_stop_and_is_awaited() {
    paused(async || {
        let (own, nested) = (Event::default(), Event::default());
        let player = with((own.clone(), nested.clone()), async |(own, nested): (Event, Event), cx: Context| {
            cx.stopping().await;
            sleep(100 * MS).await;
            let inner = cx.clone();
            cx.spawn("nested", async move {
                sleep(100 * MS).await;
                inner.stopping().await;
                nested.set();
            });
            own.set();
            Ok::<_, BoxError>(())
        });
        let (handle, playing) = playing(Conductor::new("top").stop_timeout(500 * MS).player("subsys", player));
        sleep(200 * MS).await;
        handle.stop();
        let report = timeout(300 * MS, playing).await.unwrap().unwrap();
        assert!(own.is_set() && nested.is_set() && report.is_clean(), "{report}");
    });
}

/// Differs from `spawning_task_during_shutdown_causes_task_to_be_cancelled`: nothing starts once a
/// stop has begun.
#[test]
fn a_part_cannot_be_added_while_stopping() {
    paused(async || {
        let (handle, playing) = playing(Conductor::new("top").player("subsys", Scripted::stops_after(S).player()));
        until(&handle, "subsys", "ready").await;
        handle.stop();
        settle().await;
        let refused = handle.add(Part::new("nested", idle)).await;
        assert!(matches!(refused, Err(HandleError::Stopping { .. })), "{refused:?}");
        assert!(playing.await.unwrap().is_clean());
    });
}

/// Same as `double_panic_does_not_stop_graceful_shutdown` and example 11.
#[test]
fn a_second_panic_while_stopping_does_not_disturb_the_others() {
    real(3, async || {
        let third = Event::default();
        let two = async |_: Context| -> Result<(), BoxError> {
            sleep(10 * MS).await;
            panic!("the first")
        };
        let one = async |cx: Context| -> Result<(), BoxError> {
            cx.stopping().await;
            sleep(10 * MS).await;
            panic!("the second")
        };
        let three = with(third.clone(), async |done: Event, cx: Context| {
            cx.stopping().await;
            sleep(40 * MS).await;
            done.set();
            Ok::<_, BoxError>(())
        });
        let top = Conductor::new("top").player("one", one).player("two", two).player("three", three);
        let report = top.play_until(pending()).await;
        assert!(third.is_set());
        assert_eq!(unclean(&report), ["top/one: failed", "top/two: failed"]);
        assert!(matches!(&report.cause, Cause::Failed { path } if &**path == "top/two"), "{report}");
    });
}
