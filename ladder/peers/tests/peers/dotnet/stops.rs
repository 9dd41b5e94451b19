//! `LifecycleTests.Stop.cs`.

use peers::{MS, S, failures, paused, playing, settle};
use tokio::time::{sleep, timeout};
use upbeat::{BoxError, Conductor, Context, Part, with};

use super::two_gates;

/// Same as `StopConcurrently`, `StoppingConcurrently`, `StoppedConcurrently`: the whole ends with
/// the last one.
#[test]
fn independent_services_stop_concurrently() {
    paused(async || {
        let (one, two, log) = two_gates();
        one.start.set();
        two.start.set();
        let (handle, playing) = playing(Conductor::new("host").part(one.part("one")).part(two.part("two")));
        handle.overview().wait_ready().await;
        log.clear();
        handle.stop();
        settle().await;
        assert!(log.has("one stopping") && log.has("two stopping"));
        one.stop.set();
        settle().await;
        assert!(log.has("one stopped") && !log.has("two stopped") && !playing.is_finished());
        two.stop.set();
        assert!(timeout(S, playing).await.expect("it ends").unwrap().is_clean());
    });
}

/// Same as `StopPhasesException`: for the phases of several parts. One player has one result.
#[test]
fn all_errors_of_a_stop_are_reported_and_none_skips_the_next_part() {
    paused(async || {
        let fails = |message: &'static str| {
            with(message, async |message: &'static str, cx: Context| {
                cx.stopping().await;
                sleep(50 * MS).await;
                Err::<(), _>(BoxError::from(message))
            })
        };
        let host = Conductor::new("host")
            .player("one", fails("(ThrowOnStopped)"))
            .part(Part::new("two", fails("(ThrowOnStop)")).after("one"))
            .part(Part::new("three", fails("(ThrowOnStopping)")).after("two"));
        let report = host.play_until(sleep(S)).await;
        let errors: Vec<_> = report.players.iter().flat_map(failures).collect();
        assert_eq!(errors, ["(ThrowOnStopped)", "(ThrowOnStop)", "(ThrowOnStopping)"]);
        assert_eq!((report.exit_code(), report.stop_took), (1, Some(150 * MS)));
    });
}
