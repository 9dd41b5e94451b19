//! Errors: the fourth part of `tests/integration_test.rs`.

use std::future::pending;

use peers::{MS, S, failures, paused};
use tokio::time::{sleep, timeout};
use upbeat::{
    BoxError, Conductor, Context, Handle,
    panic::Panic,
    report::{Outcome, StopCause},
    with,
};

/// A conductor of two players that fail at the same time.
fn two_fail() -> Conductor {
    let panics = async |_: Context| -> Result<(), BoxError> {
        sleep(100 * MS).await;
        panic!("Subsystem panicked!")
    };
    let fails = async |_: Context| {
        sleep(100 * MS).await;
        Err::<(), _>(BoxError::from("MyGreatError"))
    };
    Conductor::new("subsys").player("nested1", panics).player("nested2", fails)
}

/// Same as `subsystem_errors_get_propagated_to_user`.
#[test]
fn all_errors_are_in_the_report_with_path_and_kind() {
    paused(async || {
        let report = Conductor::new("top").player("subsys", two_fail()).play_until(sleep(100 * MS)).await;
        let (one, two) = (report.player("top/subsys/nested1").unwrap(), report.player("top/subsys/nested2").unwrap());
        assert_eq!(one.failures[0].panic().map(Panic::message), Some("Subsystem panicked!"));
        assert_eq!(
            (two.failures[0].error.to_string().as_str(), two.failures[0].panic().is_none()),
            ("MyGreatError", true)
        );
        assert!(!report.is_clean());
    });
}

/// Same as `subsystem_errors_get_propagated_to_user_when_timeout`.
#[test]
fn errors_are_not_lost_when_a_stop_overruns() {
    paused(async || {
        let hangs = async |_: Context| {
            sleep(10 * S).await;
            Ok::<_, BoxError>(())
        };
        let top = Conductor::new("top").stop_timeout(200 * MS).player("subsys", two_fail().player("nested3", hangs));
        let report = timeout(5 * S, top.play_until(sleep(100 * MS))).await.expect("it ends");
        assert_eq!(report.exit_code(), 124);
        assert_eq!(failures(report.player("top/subsys/nested2").unwrap()), ["MyGreatError"]);
        assert!(report.player("top/subsys/nested1").unwrap().failures[0].panic().is_some());
        assert_eq!(report.player("top/subsys/nested3").unwrap().outcome, Outcome::Overran, "{report}");
    });
}

/// Differs from `is_shutdown_requested_works_as_intended`: the overview has the stop at once. A
/// player is notified when its turn comes.
#[test]
fn a_stop_is_in_the_overview_at_once() {
    paused(async || {
        let top = Conductor::new("top");
        let asks = with(top.handle(), async |handle: Handle, cx: Context| {
            assert!(!cx.is_stopping());
            handle.stop();
            assert_eq!(cx.overview().snapshot().stopping, Some(StopCause::Requested));
            cx.stopping().await;
            assert!(cx.is_stopping());
            Ok::<_, BoxError>(())
        });
        let report = timeout(100 * MS, top.player("subsys", asks).play_until(pending())).await.unwrap();
        assert!(report.is_clean(), "{report}");
    });
}
