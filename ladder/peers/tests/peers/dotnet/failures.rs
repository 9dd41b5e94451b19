//! `BackgroundServiceExceptionTests.cs`.

use std::future::{Ready, pending};

use peers::{MS, S, failures, idle, paused, playing, until};
use tokio::time::sleep;
use upbeat::{BoxError, Conductor, Context, Part, panic::Panic, report::Cause, score::OnFailure};

use super::fails_after;

/// Same as `BackgroundService_SynchronousException_ThrowsException`,
/// `BackgroundService_AsynchronousException_ThrowsException`.
#[test]
fn a_failed_service_stops_the_host_with_its_error() {
    paused(async || {
        let at_once: fn(Context) -> Ready<Result<(), BoxError>> = |_| panic!("Synchronous failure");
        let later = async |_: Context| {
            sleep(100 * MS).await;
            Err::<(), _>(BoxError::from("Asynchronous failure"))
        };
        let report = Conductor::new("host").player("service", at_once).play_until(pending()).await;
        let failed = &report.player("host/service").unwrap().failures[0];
        assert_eq!(failed.panic().map(Panic::message), Some("Synchronous failure"));
        let report = Conductor::new("host").player("service", later).play_until(pending()).await;
        assert_eq!(failures(report.player("host/service").unwrap()), ["Asynchronous failure"]);
        assert_eq!(report.exit_code(), 1);
    });
}

/// Same as `BackgroundService_AsynchronousException_StopAsync_ThrowsException`,
/// `BackgroundService_AsynchronousException_StopTwiceAsync_ThrowsException`.
#[test]
fn each_stop_of_a_failed_service_returns_its_error() {
    paused(async || {
        let fails = async |_: Context| {
            sleep(100 * MS).await;
            Err::<(), _>(BoxError::from("Asynchronous failure"))
        };
        let host = Conductor::new("host")
            .part(Part::new("service", fails).on_failure(OnFailure::Ignore))
            .player("other", idle);
        let (handle, playing) = playing(host);
        until(&handle, "service", "failed").await;
        for _ in 0..2 {
            assert_eq!(failures(&handle.part("service").stop().await.unwrap()), ["Asynchronous failure"]);
        }
        handle.stop();
        handle.stop();
        let report = playing.await.unwrap();
        assert_eq!(failures(report.player("host/service").unwrap()), ["Asynchronous failure"]);
    });
}

/// Same as `BackgroundService_MultipleExceptions_ThrowsAggregateException`.
#[test]
fn the_errors_of_several_services_are_all_reported() {
    paused(async || {
        let host = Conductor::new("host")
            .player("one", fails_after(100 * MS, "one"))
            .player("two", fails_after(150 * MS, "two"))
            .player("three", fails_after(200 * MS, "three"));
        let report = host.play_until(pending()).await;
        assert_eq!(report.players.iter().flat_map(failures).collect::<Vec<_>>(), ["one", "two", "three"]);
        assert!(matches!(&report.cause, Cause::Failed { path } if &**path == "host/one"));
    });
}

/// Same as `BackgroundServiceExceptionAndStopException_ThrowsAggregateException`,
/// `BackgroundService_DelayedMonitoringException_ThrowsAggregateException`.
#[test]
fn an_error_and_a_late_one_of_the_stop_are_both_reported() {
    paused(async || {
        let late = async |cx: Context| {
            cx.stopping().await;
            // The player returns before that.
            cx.spawn("monitor", async {
                sleep(200 * MS).await;
                panic!("Stop failure")
            });
            Ok::<_, BoxError>(())
        };
        let report = Conductor::new("host")
            .player("one", fails_after(100 * MS, "one"))
            .player("late", late)
            .play_until(pending())
            .await;
        let errors: Vec<_> = report.players.iter().flat_map(failures).collect();
        assert_eq!(errors.len(), 2);
        assert!(errors[0] == "one" && errors[1].contains("Stop failure"), "{errors:?}");
    });
}

/// Same as `BackgroundService_IgnoreException_DoesNotThrow`,
/// `BackgroundService_IgnoreException_StopAsync_DoesNotThrow`.
#[test]
fn an_ignored_error_stops_nothing() {
    paused(async || {
        let ignored = Part::new("one", fails_after(100 * MS, "one")).on_failure(OnFailure::Ignore);
        let report = Conductor::new("host").part(ignored).player("other", idle).play_until(sleep(S)).await;
        assert!(report.is_clean() && report.took == S, "{report}");
    });
}

/// Same as `BackgroundService_SuccessfulCompletion_DoesNotThrow`.
#[test]
fn a_completed_job_is_no_error() {
    paused(async || {
        let done = Part::new("one", async |_| Ok::<_, BoxError>(())).job();
        let report = Conductor::new("host").part(done).player("other", idle).play_until(sleep(S)).await;
        assert!(report.is_clean());
    });
}
