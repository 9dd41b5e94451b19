//! `Internal/HostTests.cs`.

use std::{future::pending, sync::Arc};

use peers::{
    MS, S,
    child::{self, ChildProcess},
    clean_report, deaf, idle, paused, playing, settle, stop_cleanly, threads, unclean,
};
use tokio::time::{sleep, timeout};
use upbeat::{
    BoxError, Conductor, Context, Handle,
    report::{Cause, Outcome, StopCause},
    with,
};

use super::{Gates, fails_after, fails_to_start, two_gates};

/// Same as `CancellableStart_CancelledByApplicationLifetime`,
/// `CancellableStart_CancelledByCancellationToken`, `HostLifetimeOnStartedCanBeCancelled`.
#[test]
fn a_stop_during_the_start_reaches_the_starting_part_and_no_other_starts() {
    paused(async || {
        let (one, two, log) = two_gates();
        one.stop.set();
        let (handle, playing) =
            playing(Conductor::new("host").part(one.part("one")).part(two.part("two").after("one")));
        settle().await;
        let report = clean_report(&handle, playing).await;
        assert_eq!(log.lines(), ["one starting", "one stopping", "one stopped"]);
        assert!(matches!(report.player("host/two").unwrap().outcome, Outcome::NeverStarted { because: None }));
    });
}

/// Same as `HostLifetimeOnStartedDelaysStart`, `HostStopAsyncCallsHostLifetimeStopAsync`.
#[test]
fn a_part_that_is_first_and_last_delays_the_start_and_stops_last() {
    paused(async || {
        let (lifetime, service, log) = two_gates();
        service.start.set();
        let host =
            Conductor::new("host").part(service.part("service")).part(lifetime.part("lifetime").first_and_last());
        let (handle, playing) = playing(host);
        settle().await;
        assert_eq!(log.lines(), ["lifetime starting"]);
        lifetime.start.set();
        handle.overview().wait_ready().await;
        service.stop.set();
        lifetime.stop.set();
        stop_cleanly(&handle, playing).await;
        assert!(log.at("service stopped") < log.at("lifetime stopping"));
    });
}

/// Same as `CancellableStart_CanComplete`, `HostShutsDownWhenTokenTriggers`,
/// `HostStopApplicationFiresStopOnHostedService`.
#[test]
fn the_host_stops_when_the_future_it_plays_until_completes() {
    paused(async || {
        let cx = Context::background().child();
        let gates = Gates::default();
        gates.start.set();
        gates.stop.set();
        let (host, waits) = (Conductor::new("host").part(gates.part("service")), cx.clone());
        let overview = host.handle().overview();
        let playing = tokio::spawn(host.play_until(async move { drop(waits.done().await) }));
        overview.wait_ready().await;
        assert_eq!(gates.log.lines(), ["service starting", "service started"]);
        cx.cancel("enough");
        let report = timeout(S, playing).await.expect("it ends").unwrap();
        assert!(report.is_clean() && matches!(report.cause, Cause::Stopped(StopCause::Requested)));
        assert_eq!(gates.log.lines().len(), 4);
    });
}

/// Same as `HostStopAsyncCanBeCancelledEarly`.
#[test]
fn an_abort_ends_a_long_stop() {
    paused(async || {
        let (handle, playing) = playing(Conductor::new("host").stop_timeout(S * 3600).player("service", deaf));
        handle.overview().wait_ready().await;
        handle.stop();
        sleep(S).await;
        handle.abort();
        let report = timeout(S, playing).await.expect("it ends").unwrap();
        assert_eq!(unclean(&report), ["host/service: aborted"]);
    });
}

/// Same as `HostedServiceCanInjectApplicationLifetime`.
#[test]
fn a_service_can_have_the_handle_of_its_host() {
    paused(async || {
        let host = Conductor::new("host");
        let service = with(host.handle(), async |handle: Handle, cx: Context| {
            handle.overview().wait_ready().await;
            handle.stop();
            cx.stopping().await;
            Ok::<_, BoxError>(())
        });
        let report = timeout(S, host.player("service", service).play_until(pending())).await.expect("it ends");
        assert!(report.is_clean());
    });
}

/// Same as `HostDisposesServiceProvider`.
#[test]
fn the_captures_of_players_are_dropped_with_the_host() {
    paused(async || {
        let given = Arc::new(());
        let service = with(given.clone(), async |given: Arc<()>, cx: Context| {
            cx.stopping().await;
            drop(given);
            Ok::<_, BoxError>(())
        });
        let host = Conductor::new("host").player("service", service);
        assert!(Arc::strong_count(&given) > 1);
        let report = host.play_until(sleep(S)).await;
        assert_eq!(Arc::strong_count(&given), 1);
        drop(report);
    });
}

/// Same as `HostDoesNotNotifyIHostApplicationLifetimeCallbacksIfIHostedServicesThrow`.
#[test]
fn a_host_with_a_failed_start_is_never_ready() {
    paused(async || {
        let host = Conductor::new("host").part(fails_to_start(true)).player("other", idle);
        let overview = host.handle().overview();
        let was_ready = tokio::spawn(async move { overview.wait_for(|now| now.ready).await });
        assert_eq!(host.play_until(pending()).await.exit_code(), 1);
        settle().await;
        assert!(!was_ready.is_finished());
        was_ready.abort();
    });
}

/// Not a test: the scenario of the started process, which fails while it logs.
#[test]
#[ignore = "other tests start it as a process"]
fn child() {
    if child::scenario().is_none() {
        return;
    }
    paused(async || {
        let subscriber = tracing_subscriber::fmt().with_writer(std::io::stdout).with_ansi(false).finish();
        tracing::subscriber::set_global_default(subscriber).unwrap();
        let host = Conductor::new("host").player("service", fails_after(MS, "Background Exception"));
        let report = host.play_until(pending()).await;
        assert_eq!(report.exit_code(), 1);
    });
}

/// Same as `BackgroundServiceAsyncExceptionGetsLogged`.
#[test]
fn a_failure_is_logged() {
    threads(|| {
        let (_, text) = ChildProcess::start("dotnet::host::child", "logs").end();
        let logged = |line: &str| line.contains("host/service") && line.contains("Background Exception");
        assert!(text.lines().any(|line| line.contains("ERROR") && logged(line)), "{text}");
    });
}
