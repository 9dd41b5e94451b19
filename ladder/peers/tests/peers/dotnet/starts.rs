//! `LifecycleTests.Start.cs`.

use std::future::pending;

use peers::{S, Scripted, failures, paused, playing, settle, stop_cleanly};
use tokio::time::timeout;
use upbeat::{Conductor, Part, report::Outcome};

use super::{fails_to_start, two_gates};

/// Same as `StartConcurrently`, `StartingConcurrently`, `StartedConcurrently`: the whole is ready
/// with the last one.
#[test]
fn independent_services_start_concurrently() {
    paused(async || {
        let (one, two, log) = two_gates();
        let (handle, playing) = playing(Conductor::new("host").part(one.part("one")).part(two.part("two")));
        settle().await;
        assert_eq!(log.lines(), ["one starting", "two starting"]);
        two.start.set();
        settle().await;
        assert!(log.has("two started") && !log.has("one started") && !handle.overview().snapshot().ready);
        one.start.set();
        settle().await;
        assert!(handle.overview().snapshot().ready);
        one.stop.set();
        two.stop.set();
        stop_cleanly(&handle, playing).await;
    });
}

/// Same as `StartNonconcurrently`, `StopNonconcurrently`: by edges.
#[test]
fn dependent_services_start_in_order_and_stop_in_reverse() {
    paused(async || {
        let (one, two, log) = two_gates();
        let (handle, playing) =
            playing(Conductor::new("host").part(one.part("one")).part(two.part("two").after("one")));
        settle().await;
        assert_eq!(log.lines(), ["one starting"]);
        one.start.set();
        settle().await;
        assert_eq!(log.lines(), ["one starting", "one started", "two starting"]);
        two.start.set();
        settle().await;
        log.clear();
        handle.stop();
        settle().await;
        assert_eq!(log.lines(), ["two stopping"]);
        one.stop.set();
        settle().await;
        assert_eq!(log.lines(), ["two stopping"]);
        two.stop.set();
        let report = timeout(S, playing).await.expect("it ends").unwrap();
        assert!(report.is_clean());
        assert_eq!(log.lines(), ["two stopping", "two stopped", "one stopping", "one stopped"]);
    });
}

/// Same as `StartPhasesException_Starting`, `StartPhasesException_Start`,
/// `StartPhasesException_Started`.
#[test]
fn a_failed_start_is_the_result_and_later_phases_do_not_begin() {
    paused(async || {
        for later in [false, true] {
            let started = Scripted::new();
            let host = Conductor::new("host")
                .part(fails_to_start(later))
                .part(Part::new("later", started.player()).after("service"));
            let report = host.play_until(pending()).await;
            assert_eq!(failures(report.player("host/service").unwrap()), ["(ThrowOnStart)"]);
            assert_eq!(started.starts(), 0);
            let later = &report.player("host/later").unwrap().outcome;
            assert!(matches!(later, Outcome::NeverStarted { because: Some(path) } if &**path == "host/service"));
        }
    });
}
