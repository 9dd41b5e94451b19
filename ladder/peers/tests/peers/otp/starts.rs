//! `sup_start`, `child_specs` and `sup_flags`.

use std::{future::pending, time::Duration};

use peers::{
    MS, S, Scripted, clean_report, failures, idle, is_over, is_running, paused, playing, settle, state, stop,
    stop_cleanly, until,
};
use tokio::time::timeout;
use upbeat::{
    BoxError, Conductor, Context, HandleError, Part,
    diagnostics::Snapshot,
    once,
    report::{Cause, Outcome, PlayerReport},
    restart::Restart,
    score::OnFailure,
};

use super::{AT_ONCE, counts, permanent, ready, sup, temporary};

/// Same as `sup_start_normal`.
#[test]
fn a_supervisor_starts_and_is_stopped() {
    paused(async || {
        let (handle, playing) = playing(sup());
        ready(&handle).await;
        stop_cleanly(&handle, playing).await;
    });
}

/// Differs from `sup_start_normal` and every test that begins without children: a conductor plays
/// until all its parts have ended. There a supervisor waits for more children. Here one part has to
/// keep it running.
#[test]
fn a_conductor_without_parts_ends() {
    paused(async || {
        let report = timeout(MS, Conductor::new("sup").play_until(pending())).await.expect("it ends");
        assert!(report.is_clean() && matches!(report.cause, Cause::AllDone));
        // Also if its last part was stopped or removed by request.
        for remove in [false, true] {
            let (handle, playing) = playing(Conductor::new("sup").player("child", idle));
            ready(&handle).await;
            let ended = if remove { handle.part("child").remove().await } else { handle.part("child").stop().await };
            assert!(ended.unwrap().is_clean());
            assert!(timeout(MS, playing).await.expect("it ends").unwrap().is_clean());
        }
    });
}

/// Same as `sup_start_ignore_init`: nothing of it is left.
#[test]
fn a_stop_before_the_start_starts_nothing() {
    paused(async || {
        let child = Scripted::new();
        let conductor = sup().part(permanent("child", &child));
        conductor.handle().stop();
        let report = conductor.play_until(pending()).await;
        assert!(report.is_clean() && child.starts() == 0, "{report}");
    });
}

/// Same as `sup_start_ignore_child`, `sup_start_ignore_temporary_child_start_child` and its
/// `simple` variants.
#[test]
fn a_job_that_returns_at_once_is_completed_and_the_next_part_starts() {
    paused(async || {
        let (handle, playing) = playing(sup());
        ready(&handle).await;
        let child = Scripted::new();
        handle.add(Part::new("ignores", async |_| Ok::<_, BoxError>(())).job()).await.unwrap();
        handle.add(permanent("child", &child)).await.unwrap();
        child.started(1).await;
        settle().await;
        assert_eq!(state(&handle, "ignores"), "completed");
        assert_eq!(counts(&handle), (2, 1));
        stop_cleanly(&handle, playing).await;
    });
}

/// Differs from `sup_start_ignore_temporary_child`: an ended part stays in the overview and in the
/// report until it is removed.
#[test]
fn an_ended_part_is_in_no_list_after_its_removal() {
    paused(async || {
        let ignores = Part::new("ignores", async |_| Ok::<_, BoxError>(())).job();
        let child = Scripted::new();
        let (handle, playing) = playing(sup().part(ignores).part(temporary("child", &child)));
        ready(&handle).await;
        // It is still in the overview.
        assert_eq!(counts(&handle), (2, 1));
        assert_eq!(handle.part("ignores").remove().await.unwrap().outcome, Outcome::Completed);
        assert_eq!(counts(&handle), (1, 1));
        let report = clean_report(&handle, playing).await;
        assert!(report.player("sup/ignores").is_none());
    });
}

/// Same as `sup_start_ignore_permanent_child_start_child_simple`.
#[test]
fn a_conductor_with_a_completed_job_stops_cleanly() {
    paused(async || {
        let ignores = Part::new("ignores", async |_| Ok::<_, BoxError>(())).job().restart(Restart::on_failure(AT_ONCE));
        let (handle, playing) = playing(sup().part(ignores));
        ready(&handle).await;
        stop_cleanly(&handle, playing).await;
    });
}

/// Same as `sup_start_error_return`, `sup_start_fail`.
#[test]
fn a_panic_at_the_start_fails_the_start_and_nothing_is_left() {
    paused(async || {
        let child = Scripted::new();
        let fails =
            Part::new("first", async |_: Context| -> Result<(), BoxError> { panic!("no init") }).signals_ready();
        let conductor = sup().part(fails).part(permanent("child", &child).after("first"));
        let report = timeout(S, conductor.play_until(pending())).await.expect("it ends");
        assert_eq!(report.exit_code(), 1);
        assert!(matches!(&report.cause, Cause::Failed { path } if &**path == "sup/first"));
        assert_eq!(child.starts(), 0);
    });
}

/// Composed, after `sup_start_child_returns_error`, `sup_start_child_returns_error_simple`,
/// `already_started_outside_supervisor`: `add` returns once the part is accepted. A caller that
/// needs to know more waits for its state, and removes a failed part.
#[test]
fn the_failed_start_of_an_added_part_is_visible_and_the_part_can_be_removed() {
    paused(async || {
        let (handle, playing) = playing(sup());
        ready(&handle).await;
        let fails = Part::new("child", async |_: Context| Err::<(), _>(BoxError::from("reason")));
        handle.add(fails.signals_ready().on_failure(OnFailure::Ignore)).await.unwrap();
        let overview = handle.overview();
        let child_is = |now: &Snapshot| now.player("sup/child").map(|child| (child.ready, is_over(&child.state)));
        let now = overview.wait_for(|now| child_is(now).is_some_and(|(ready, over)| ready || over)).await;
        assert_eq!(child_is(&now), Some((false, true)));
        let failed = handle.part("child").remove().await.unwrap();
        assert_eq!(failures(&failed), ["reason"]);
        assert_eq!(counts(&handle), (0, 0));
        stop_cleanly(&handle, playing).await;
    });
}

/// Differs from `sup_start_child_returns_error`: an added part is a part like another. By default
/// its failed start stops everything.
#[test]
fn an_added_part_that_fails_to_start_stops_everything_by_default() {
    paused(async || {
        let (handle, playing) = playing(sup());
        ready(&handle).await;
        handle.add(Part::new("child", async |_: Context| Err::<(), _>(BoxError::from("reason")))).await.unwrap();
        let report = timeout(S, playing).await.expect("it ends").unwrap();
        assert!(matches!(&report.cause, Cause::Failed { path } if &**path == "sup/child"));
    });
}

/// Same as `sup_start_restart_child_returns_error`.
#[test]
fn a_part_whose_requested_restart_fails_is_kept_as_failed() {
    paused(async || {
        let child = Scripted::new();
        let (handle, playing) = playing(sup().part(Part::new("child", child.player()).on_failure(OnFailure::Ignore)));
        ready(&handle).await;
        handle.part("child").stop().await.unwrap();
        child.fail_at_start(true);
        handle.part("child").restart().await.unwrap();
        until(&handle, "child", "failed").await;
        assert_eq!(counts(&handle), (1, 0));
        assert!(is_running(&handle));
        let report = stop(&handle, playing).await;
        assert_eq!(failures(report.player("sup/child").unwrap()), ["no start"]);
    });
}

/// Same as `sup_start_map`, `sup_start_map_simple`.
#[test]
fn the_defaults_are_as_documented() {
    paused(async || {
        // No restart, 10 s for the whole stop, 30 s to become ready.
        let hangs = Part::new("hangs", pending_for_ever).signals_ready();
        let report = Conductor::new("sup").part(hangs).play_until(pending()).await;
        assert_eq!(report.player("sup/hangs").unwrap().outcome, Outcome::NotReady);
        assert_eq!(report.player("sup/hangs").unwrap().runs, 1);
        assert_eq!(report.took.as_secs(), 40);
        assert!(matches!(handle_of_nothing().await, Err(HandleError::NotPlaying { .. })));
    });
}

async fn pending_for_ever(_: Context) -> Result<(), BoxError> {
    pending().await
}

async fn handle_of_nothing() -> Result<PlayerReport, HandleError> {
    sup().handle().part("child4").stop().await
}

/// Same as `sup_start_map_faulty_specs`, `child_specs`, `child_specs_map`.
#[test]
fn faults_are_found_by_name_before_anything_starts() {
    paused(async || {
        let child = Scripted::new();
        let conductor = || {
            Conductor::new("sup")
                .part(permanent("good", &child))
                .part(permanent("", &child))
                .part(permanent("a b", &child))
                .part(permanent("twice", &child))
                .part(permanent("twice", &child))
                .part(permanent("alone", &child).after("missing"))
                .part(permanent("late", &child).ready_timeout(Duration::ZERO))
                .part(Part::new("once", once(idle)).restart(Restart::on_failure(AT_ONCE)))
        };
        let faults = conductor().check().unwrap_err().faults;
        assert_eq!(faults.len(), 6, "{faults:?}");
        let report = conductor().play_until(pending()).await;
        assert_eq!((report.exit_code(), child.starts()), (78, 0));
        // An added part is checked, too.
        let (handle, playing) = playing(sup());
        ready(&handle).await;
        for bad in [permanent("", &child), permanent("keeper", &child), permanent("alone", &child).after("missing")] {
            assert!(matches!(handle.add(bad).await, Err(HandleError::Refused { .. })));
        }
        assert_eq!(counts(&handle), (0, 0));
        stop_cleanly(&handle, playing).await;
    });
}

/// Same as `sup_flags`: a supervisor with a period of zero is refused there.
#[test]
fn a_restart_limit_in_a_window_of_zero_is_a_fault() {
    let policy = Restart::on_failure(AT_ONCE).max_restarts(2).within(Duration::ZERO);
    let conductor = sup().part(permanent("child", &Scripted::new()).restart(policy));
    assert!(conductor.check().is_err(), "`at_most(2)` means nothing, as no restart is ever counted");
}
