//! `BackgroundServiceTests.cs`.

use std::{
    future::pending,
    sync::{Arc, Mutex},
};

use peers::{Log, MS, S, Scripted, block_thread, failures, idle, paused, playing, real, settle, stop_cleanly};
use tokio::time::{sleep, timeout};
use upbeat::{BoxError, Conductor, Context, with};

/// Same as `StartReturnsCompletedTask`, `StartReturnsCompletedTaskIfLongRunningTaskIsIncomplete`.
#[test]
fn a_service_without_a_setup_is_ready_at_once() {
    paused(async || {
        let (handle, playing) = playing(Conductor::new("host").player("service", idle));
        timeout(MS, handle.overview().wait_ready()).await.expect("it is ready");
        stop_cleanly(&handle, playing).await;
    });
}

/// Same as `StartCancelledThrowsTaskCanceledException`, `StopAsyncWithoutStartAsyncNoops`,
/// `CreateAndDisposeShouldNotThrow`.
#[test]
fn a_host_that_did_not_start_can_be_stopped_and_dropped() {
    paused(async || {
        let service = Scripted::new();
        let host = Conductor::new("host").player("service", service.player());
        let handle = host.handle();
        handle.stop();
        handle.abort();
        let report = host.play_until(pending()).await;
        assert!(report.is_clean() && service.starts() == 0);
        let host = Conductor::new("host").player("service", service.player());
        drop(host.handle());
        drop(host);
        assert_eq!(service.starts(), 0);
    });
}

/// Same as `StopAsyncStopsBackgroundService`.
#[test]
fn nothing_of_a_stopped_service_is_left() {
    paused(async || {
        let service = Scripted::stops_after(S);
        let (handle, playing) =
            playing(Conductor::new("host").player("service", service.player()).player("other", idle));
        service.started(1).await;
        settle().await;
        handle.part("service").stop().await.unwrap();
        assert_eq!(service.live(), 0);
        stop_cleanly(&handle, playing).await;
    });
}

/// Same as `StopAsyncThrowsIfCancellationCallbackThrows`,
/// `HostNotifiesAllIHostApplicationLifetimeCallbacksEvenIfTheyThrow`.
#[test]
fn all_tasks_are_notified_of_a_stop_although_some_panic() {
    paused(async || {
        let told = Log::default();
        let service = with(told.clone(), async |told: Log, cx: Context| {
            for i in 0..3 {
                let (waits, told) = (cx.clone(), told.clone());
                cx.spawn(format!("callback{i}"), async move {
                    waits.done().await;
                    told.add(format!("{i}"));
                    assert!(i == 2, "callback {i} throws");
                });
            }
            pending::<Result<(), BoxError>>().await
        });
        let report = Conductor::new("host").stop_timeout(S).player("service", service).play_until(sleep(S)).await;
        assert_eq!(told.lines().len(), 3);
        let errors = failures(report.player("host/service").unwrap());
        assert!(errors.len() == 2 && errors[0].contains("callback0") && errors[1].contains("callback1"), "{errors:?}");
    });
}

/// Same as `StartAsyncThenDisposeTriggersCancelledToken`,
/// `StartAsyncThenCancelShouldCancelExecutingTask`,
/// `HostDisposeApplicationDoesNotFireStopOnHostedService`.
#[test]
fn a_dropped_host_cancels_its_contexts_without_a_graceful_stop() {
    paused(async || {
        let (given, log) = (Arc::new(Mutex::new(None)), Log::default());
        let service = with(
            (given.clone(), log.clone()),
            async |(given, log): (Arc<Mutex<Option<Context>>>, Log), cx: Context| {
                *given.lock().unwrap() = Some(cx.child());
                cx.stopping().await;
                log.add("stopped politely");
                Ok::<_, BoxError>(())
            },
        );
        let mut play = Box::pin(Conductor::new("host").player("service", service).play_until(pending()));
        assert!(timeout(S, &mut play).await.is_err());
        let outside = given.lock().unwrap().take().unwrap();
        assert!(outside.error().is_none());
        drop(play);
        timeout(S, outside.done()).await.expect("it is done");
        sleep(S).await;
        assert!(log.lines().is_empty(), "{:?}", log.lines());
    });
}

/// Same as `StartSynchronousAndStop`, `StartSynchronousExecuteShouldBeCancelable`: if there are
/// other workers.
#[test]
fn a_service_that_never_awaits_delays_no_start_and_can_be_stopped() {
    real(3, async || {
        let synchronous = async |cx: Context| -> Result<(), BoxError> {
            while !cx.is_stopping() {
                block_thread(20 * MS);
            }
            Ok(())
        };
        let other = Scripted::new();
        let host = Conductor::new("host").player("service", synchronous).player("other", other.player());
        let starts = other.clone();
        let report = host.play_until(async move { starts.started(1).await }).await;
        assert!(report.is_clean(), "{report}");
    });
}
