//! The tests of the phases of Spring: `DefaultLifecycleProcessorTests.java`.

use std::future::pending;

use peers::{Log, MS, S, Scripted, clean_report, deaf, idle, logs, paused, playing, stop_cleanly, unclean};
use tokio::time::{sleep, timeout};
use upbeat::{Conductor, Part, Report};

use crate::dotnet::fails_to_start;

/// A conductor with phases: each part starts after all parts of the phase below.
fn phased(log: &Log, phases: &[&[(&'static str, u32)]]) -> Conductor {
    let mut conductor = Conductor::new("context").stop_timeout(S * 60);
    for (i, phase) in phases.iter().enumerate() {
        for (name, stops_after) in *phase {
            let mut part = Part::new(*name, logs(log, name, MS * *stops_after)).signals_ready();
            for (below, _) in i.checked_sub(1).map_or(&[][..], |below| phases[below]) {
                part = part.after(*below);
            }
            conductor = conductor.part(part);
        }
    }
    conductor
}

fn positions(log: &Log, names: &[&str], what: &str) -> Vec<usize> {
    names.iter().map(|name| log.at(&format!("{name} {what}"))).collect()
}

async fn starts_and_stops(conductor: Conductor) -> Report {
    let (handle, playing) = playing(conductor);
    handle.overview().wait_ready().await;
    clean_report(&handle, playing).await
}

/// Same as `smartLifecycleGroupStartup`, `singleSmartLifecycleAutoStartup`,
/// `contextRefreshThenStartWithMixedBeans`: phases are edges.
#[test]
fn phases_start_in_the_order_of_their_edges() {
    paused(async || {
        let log = Log::default();
        let report =
            starts_and_stops(phased(&log, &[&[("min", 0)], &[("b1", 0)], &[("b2", 0)], &[("b3", 0)], &[("max", 0)]]))
                .await;
        assert_eq!(report.players.len(), 5);
        assert!(positions(&log, &["min", "b1", "b2", "b3", "max"], "started").is_sorted());
    });
}

/// Same as `smartLifecycleGroupShutdown`, `singleSmartLifecycleShutdown`,
/// `singleLifecycleShutdown`, `mixedShutdown`.
#[test]
fn phases_stop_in_reverse_and_the_parts_of_one_concurrently() {
    paused(async || {
        let log = Log::default();
        let phases: [&[_]; 4] =
            [&[("b1", 300), ("b3", 600)], &[("b4", 400), ("b5", 700)], &[("b2", 100), ("b7", 200)], &[("b6", 200)]];
        let report = starts_and_stops(phased(&log, &phases)).await;
        let gone = positions(&log, &["b6", "b2", "b7", "b4", "b5", "b1", "b3"], "stopped");
        assert!(gone.is_sorted(), "{:?}", log.lines());
        assert_eq!(report.stop_took, Some((200 + 200 + 700 + 600) * MS));
    });
}

/// Same as `dependencyStartedFirstEvenIfItsPhaseIsHigher`,
/// `dependentShutdownFirstEvenIfItsPhaseIsLower`, `dependencyStartedFirstAndIsSmartLifecycle`,
/// `dependentShutdownFirstAndIsSmartLifecycle`, `dependencyStartedFirstButNotSmartLifecycle`,
/// `dependentShutdownFirstButNotSmartLifecycle`.
#[test]
fn edges_hold_wherever_the_parts_are_declared() {
    paused(async || {
        let log = Log::default();
        let context = Conductor::new("context")
            .part(Part::new("bean2", logs(&log, "bean2", 300 * MS)).after("bean99").signals_ready())
            .part(Part::new("max", logs(&log, "max", 400 * MS)).after("bean2").signals_ready())
            .part(Part::new("bean99", logs(&log, "bean99", 100 * MS)).after("min").signals_ready())
            .part(Part::new("min", logs(&log, "min", 100 * MS)).signals_ready());
        drop(starts_and_stops(context).await);
        assert!(positions(&log, &["min", "bean99", "bean2", "max"], "started").is_sorted());
        assert!(positions(&log, &["max", "bean2", "bean99", "min"], "stopped").is_sorted());
    });
}

/// Same as `singleSmartLifecycleAutoStartupWithFailingLifecycleBean`.
#[test]
fn a_started_part_is_stopped_if_another_fails_to_start() {
    paused(async || {
        let bean = Scripted::new();
        let context = Conductor::new("context").player("bean", bean.player()).part(fails_to_start(true));
        let report = context.play_until(pending()).await;
        assert_eq!((bean.starts(), bean.live(), report.exit_code()), (1, 0, 1));
    });
}

/// Composed, after `singleSmartLifecycleWithoutAutoStartup`,
/// `singleSmartLifecycleAutoStartupWithNonAutoStartupDependency`,
/// `singleSmartLifecycleAutoStartupWithLazyInit`: a score has only parts that start.
#[test]
fn a_part_that_does_not_start_with_the_others_is_added_later() {
    paused(async || {
        let bean = Scripted::new();
        let (handle, playing) = playing(Conductor::new("context").player("other", idle));
        handle.overview().wait_ready().await;
        assert_eq!(bean.starts(), 0);
        handle.add(Part::new("bean", bean.player()).after("other")).await.unwrap();
        bean.started(1).await;
        stop_cleanly(&handle, playing).await;
        assert_eq!(bean.live(), 0);
    });
}

/// Composed, after `contextRefreshThenStopAndRestartWithMixedBeans`,
/// `contextRefreshThenStopForRestartWithMixedBeans`: the whole is a conductor inside another, which
/// restarts it.
#[test]
fn a_nested_conductor_can_be_stopped_and_restarted_in_order() {
    paused(async || {
        let log = Log::default();
        let context = phased(&log, &[&[("smart2", 10)], &[("simple1", 10), ("simple2", 10)], &[("smart1", 10)]]);
        let (handle, playing) = playing(Conductor::new("outer").player("keeper", idle).player("context", context));
        handle.overview().wait_ready().await;
        log.clear();
        handle.part("context").stop().await.unwrap();
        assert_eq!(log.lines().iter().filter(|line| line.ends_with("stopped")).count(), 4);
        log.clear();
        handle.part("context").restart().await.unwrap();
        timeout(S, handle.overview().wait_ready()).await.unwrap();
        assert!(positions(&log, &["smart2", "simple1", "smart1"], "started").is_sorted());
        stop_cleanly(&handle, playing).await;
    });
}

/// Same as `customLifecycleProcessorInstance`.
#[test]
fn a_part_can_have_its_own_stop_timeout() {
    paused(async || {
        let context = Conductor::new("context")
            .player("first", idle)
            .part(Part::new("hangs", deaf).after("first").stop_timeout(S).signals_ready());
        let report = context.play_until(sleep(S)).await;
        assert_eq!(unclean(&report), ["context/hangs: overran"]);
        assert!(report.stop_took.unwrap() < 2 * S, "{report}");
    });
}
