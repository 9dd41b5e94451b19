//! Stops of one branch: the third part of `tests/integration_test.rs`.

use std::time::Duration;

use peers::{Log, MS, failures, idle, logs, paused, playing, settle, stop, unclean};
use tokio::time::sleep;
use upbeat::{BoxError, Conductor, Context, Handle, Player, Report, report::Outcome, with};

/// Same as `partial_shutdown_request_stops_nested_subsystems` and example 13.
#[test]
fn a_branch_is_stopped_and_the_rest_continues() {
    paused(async || {
        let log = Log::default();
        let deep = Conductor::new("three").player("own", logs(&log, "three", Duration::ZERO));
        let middle = Conductor::new("two").player("own", logs(&log, "two", Duration::ZERO)).player("three", deep);
        let top = Conductor::new("top");
        let stops = with((top.handle(), log.clone()), async |(handle, log): (Handle, Log), cx: Context| {
            sleep(200 * MS).await;
            let two = handle.part("two").stop().await?;
            assert!(two.is_clean());
            assert!(!cx.is_stopping());
            log.add("partly stopped");
            cx.stopping().await;
            log.add("one stopped");
            Ok::<_, BoxError>(())
        });
        let (handle, playing) = playing(top.player("one", stops).player("two", middle));
        sleep(300 * MS).await;
        let lines = log.lines();
        assert!(log.has("two stopped") && log.has("three stopped") && log.has("partly stopped"), "{lines:?}");
        assert!(!log.has("one stopped"));
        let report = stop(&handle, playing).await;
        assert!(report.is_clean(), "{report}");
    });
}

/// Stops or removes one branch. Returns the report of the whole and the errors of the branch.
async fn partly(nested: impl Player, remove: bool) -> (Report, Vec<String>) {
    let (handle, playing) = playing(Conductor::new("top").player("one", idle).player("nested", nested));
    sleep(100 * MS).await;
    let ended = if remove { handle.part("nested").remove().await } else { handle.part("nested").stop().await };
    let ended = ended.expect("it is there");
    assert_eq!(ended.outcome, Outcome::Failed);
    settle().await;
    assert!(handle.overview().snapshot().stopping.is_none(), "the rest goes on");
    let failed = failures(&ended);
    (stop(&handle, playing).await, failed)
}

/// Same as `partial_shutdown_panic_gets_propagated_correctly`: with `remove`.
#[test]
fn a_panic_of_a_removed_branch_is_returned_and_stops_nothing_else() {
    paused(async || {
        let panics = async |cx: Context| -> Result<(), BoxError> {
            cx.stopping().await;
            panic!("Nested panicked.")
        };
        let (report, failed) = partly(panics, true).await;
        assert!(failed[0].contains("Nested panicked."), "{failed:?}");
        assert!(report.is_clean(), "{report}");
    });
}

/// Same as `partial_shutdown_error_gets_propagated_correctly` and example 14: with `remove`.
#[test]
fn an_error_of_a_removed_branch_is_returned_and_stops_nothing_else() {
    paused(async || {
        let fails = async |cx: Context| {
            cx.stopping().await;
            Err::<(), _>(BoxError::from("nested failed."))
        };
        let (report, failed) = partly(fails, true).await;
        assert_eq!(failed, ["nested failed."]);
        assert!(report.is_clean(), "{report}");
    });
}

/// Differs from `partial_shutdown_error_gets_propagated_correctly`: after `stop` the error is in
/// the report of the whole, too. No error is lost.
#[test]
fn an_error_of_a_stopped_branch_stays_in_the_report() {
    paused(async || {
        let fails = async |cx: Context| {
            cx.stopping().await;
            Err::<(), _>(BoxError::from("nested failed."))
        };
        let (report, failed) = partly(fails, false).await;
        assert_eq!(failed, ["nested failed."]);
        assert_eq!(report.exit_code(), 1);
        assert_eq!(unclean(&report), ["top/nested: failed"]);
    });
}
