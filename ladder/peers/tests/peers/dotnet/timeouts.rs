//! `LifecycleTests.Timeouts.cs`.

use std::future::pending;

use peers::{MS, S, deaf, idle, paused, unclean};
use tokio::time::{sleep, timeout};
use upbeat::{BoxError, Conductor, Context, Part, report::Outcome};

use super::{Gates, two_gates};

/// Same as `StartTimeoutClass_WithValue`, `StartTimeoutClass_WithValue_Concurrently`: the timeout
/// is that of a part.
#[test]
fn a_start_that_exceeds_its_timeout_fails() {
    paused(async || {
        let hangs = Part::new("service", pending_for_ever).signals_ready().ready_timeout(500 * MS).stop_timeout(S);
        let report = Conductor::new("host").part(hangs).player("other", idle).play_until(pending()).await;
        assert_eq!(report.player("host/service").unwrap().outcome, Outcome::NotReady);
        assert_eq!(report.exit_code(), 124, "it did not even stop: {report}");
        // A part that observes the stop.
        let slow = Gates::default();
        slow.stop.set();
        let report =
            Conductor::new("host").part(slow.part("service").ready_timeout(500 * MS)).play_until(pending()).await;
        assert_eq!((report.exit_code(), report.took), (1, 500 * MS), "{report}");
    });
}

async fn pending_for_ever(_: Context) -> Result<(), BoxError> {
    pending().await
}

/// Composed, after `StartTimeoutClass_WithValue`: there is no `HostOptions.StartupTimeout`. The
/// stop that follows is clean here, so the caller reports the failure.
#[test]
fn the_start_of_the_whole_can_be_limited() {
    paused(async || {
        let (one, two, _log) = two_gates();
        one.start.set();
        one.stop.set();
        two.stop.set();
        let host = Conductor::new("host").part(one.part("one")).part(two.part("two").after("one"));
        let overview = host.handle().overview();
        let limit =
            async { drop(timeout(5 * S, overview.wait_ready()).await.map(|()| unreachable!("it is never ready"))) };
        let report = host.play_until(limit).await;
        // The stop is clean.
        assert_eq!((report.took, report.exit_code()), (5 * S, 0));
    });
}

/// Same as `StopTimeoutClass_WithValue`, `StopTimeoutClass_WithValue_Concurrently`,
/// `HostStopAsyncUsesDefaultTimeoutIfGivenTokenDoesNotFire`,
/// `WebHostStopAsyncUsesDefaultTimeoutIfNoTokenProvided`, `StopAsyncStopsEvenIfTaskNeverEnds`.
#[test]
fn a_stop_that_exceeds_its_timeout_ends() {
    paused(async || {
        for edges in [false, true] {
            let service = Part::new("service", deaf).signals_ready();
            let service = if edges { service.after("other") } else { service };
            let host = Conductor::new("host").stop_timeout(500 * MS).player("other", idle).part(service);
            let report = host.play_until(sleep(S)).await;
            assert_eq!(unclean(&report), ["host/service: overran"]);
            assert!(report.stop_took.unwrap() < S, "{report}");
        }
        // The default is 10 s. There it is 30 s.
        let report = Conductor::new("host").player("service", deaf).play_until(sleep(S)).await;
        assert_eq!(report.stop_took.unwrap().as_secs(), 10);
    });
}
