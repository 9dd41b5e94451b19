//! Order, failures, restarts and the account of a conductor.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use upbeat::{
    BoxError, Conductor, Context, Part,
    report::{Cause, Outcome, StopCause},
    score::OnUnresponsive,
    with,
};

use crate::{
    explore::{MS, Time, explore, pause, settle},
    players::{Log, accounted, deaf, failing, failures, idle, outcome, polite, soon, sour},
};

/// A diamond: `c` and `d` between `b` and `e`; and `x`, which nothing depends on.
fn diamond(log: &Log) -> Conductor {
    let part = |name| Part::new(name, polite(log, name)).signals_ready();
    Conductor::new("shop")
        .part(part("e").after("c").after("d"))
        .part(part("c").after("b"))
        .part(part("d").after("b"))
        .part(part("b"))
        .part(part("x"))
}

const DIAMOND: [&str; 5] = ["shop/e", "shop/c", "shop/d", "shop/b", "shop/x"];

/// Dependencies of the diamond, the dependency first.
const EDGES: [(&str, &str); 4] = [("b", "c"), ("b", "d"), ("c", "e"), ("d", "e")];

fn in_order(log: &Log) {
    for (first, then) in EDGES {
        log.ordered(&format!("{first} ready"), &format!("{then} up"));
        if log.count(&format!("{then} up")) > 0 {
            log.ordered(&format!("{then} down"), &format!("{first} told"));
        }
    }
}

#[test]
fn a_stop_at_any_moment_keeps_the_order() {
    explore(Time::WhenIdle, || async {
        let log = Log::default();
        let report = diamond(&log).play_until(pause(16)).await;
        accounted(&report, &DIAMOND);
        in_order(&log);
        assert!(report.is_clean() && report.stop_took.is_some_and(|took| took.is_zero()), "{report}");
        assert!(matches!(report.cause, Cause::Stopped(StopCause::Requested)), "{report}");
        for name in ["b", "c", "d", "e", "x"] {
            let stopped = *outcome(&report, &format!("shop/{name}")) == Outcome::Stopped;
            assert_eq!(log.count(&format!("{name} up")), usize::from(stopped), "{report}");
            assert_eq!(log.count(&format!("{name} down")), usize::from(stopped), "{report}");
        }
    });
}

#[test]
fn all_become_ready_and_stay_until_the_stop() {
    explore(Time::WhenIdle, || async {
        let log = Log::default();
        let conductor = diamond(&log);
        let report = conductor.play_until(tokio::time::sleep(MS)).await;
        in_order(&log);
        // The sleep ends only when all tasks are idle, so all have started.
        assert!(report.players.iter().all(|player| player.outcome == Outcome::Stopped), "{report}");
        assert_eq!(log.lines().len(), 4 * 5, "{:?}", log.lines());
    });
}

#[test]
fn a_failure_stops_the_rest_in_reverse_and_no_error_is_lost() {
    explore(Time::WhenIdle, || async {
        let log = Log::default();
        let report = diamond(&log)
            .player("bad", failing("out of luck"))
            .player("sour", sour("flush failed"))
            .part(Part::new("sad", sour("and again")).after("b"))
            .play_until(std::future::pending())
            .await;
        in_order(&log);
        assert!(matches!(&report.cause, Cause::Failed { path } if &**path == "shop/bad"), "{report}");
        assert_eq!(*outcome(&report, "shop/bad"), Outcome::Failed);
        // Each that was started had its chance to fail.
        let mut expected = vec!["out of luck"];
        for (path, message) in [("shop/sour", "flush failed"), ("shop/sad", "and again")] {
            match outcome(&report, path) {
                Outcome::Failed => expected.push(message),
                other => assert_eq!(*other, Outcome::NeverStarted { because: None }, "{report}"),
            }
        }
        let mut reported = failures(&report);
        reported.sort_unstable();
        expected.sort_unstable();
        assert_eq!(reported, expected, "{report}");
        assert_eq!(report.players.len(), 8, "{report}");
        assert_eq!(report.exit_code(), upbeat::exit_code::FAILED);
    });
}

#[test]
fn dependents_of_a_failed_start_never_start() {
    explore(Time::WhenIdle, || async {
        let log = Log::default();
        let report = Conductor::new("shop")
            .part(Part::new("db", failing("no disk")).signals_ready())
            .part(Part::new("api", polite(&log, "api")).after("db"))
            .part(Part::new("web", polite(&log, "web")).after("api"))
            .play_until(std::future::pending())
            .await;
        accounted(&report, &["shop/db", "shop/api", "shop/web"]);
        assert!(log.lines().is_empty(), "{:?}", log.lines());
        assert!(matches!(&report.cause, Cause::Failed { path } if &**path == "shop/db"), "{report}");
        let because = |path: &str| Outcome::NeverStarted { because: Some(path.into()) };
        assert_eq!(*outcome(&report, "shop/api"), because("shop/db"));
    });
}

/// The number of runs that are there, and whether there were ever two.
#[derive(Clone, Default)]
struct Alive(Arc<AtomicU32>);

impl Alive {
    fn enter(&self) -> Self {
        assert_eq!(self.0.fetch_add(1, Ordering::SeqCst), 0, "a run has begun before the last was gone");
        self.clone()
    }

    fn leave(&self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[test]
fn runs_never_overlap() {
    explore(Time::WhenIdle, || async {
        let alive = Alive::default();
        // Fails twice; what it has spawned goes on for a while, and belongs to the run.
        let player = with(alive.clone(), |alive: Alive, cx: Context| async move {
            let alive = alive.enter();
            let helper = cx.clone();
            drop(cx.spawn("helper", async move {
                helper.stopping().await;
                pause(3).await;
                alive.leave();
            }));
            if cx.attempt() < 2 {
                pause(2).await;
                return Err(BoxError::from("once more"));
            }
            cx.ready();
            cx.stopping().await;
            Ok(())
        });
        let log = Log::default();
        let conductor = Conductor::new("shop")
            .part(Part::new("worker", player).signals_ready().restart(soon()))
            .part(Part::new("after", polite(&log, "after")).after("worker"));
        let handle = conductor.handle();
        let by_hand = async move {
            // It may come before, between and after the others, or be refused because of the stop.
            let _ = handle.part("shop/worker").restart().await;
            tokio::time::sleep(MS * 100).await;
        };
        let report = conductor.play_until(by_hand).await;
        accounted(&report, &["shop/worker", "shop/after"]);
        let worker = report.player("shop/worker").unwrap();
        assert_eq!(worker.outcome, Outcome::Stopped, "{report}");
        // A restart by hand may take the place of one after a failure.
        assert!((2..=4).contains(&worker.runs), "{report}");
        assert_eq!(alive.0.load(Ordering::SeqCst), 0, "{report}");
    });
}

#[test]
fn a_limit_of_restarts_is_exact_and_fails_upward() {
    explore(Time::WhenIdle, || async {
        let runs = Arc::new(AtomicU32::new(0));
        let player = with(runs.clone(), |runs: Arc<AtomicU32>, _: Context| async move {
            runs.fetch_add(1, Ordering::SeqCst);
            pause(2).await;
            Err::<(), _>(BoxError::from("never"))
        });
        let inner =
            Conductor::new("inner").part(Part::new("bad", player).restart(soon().max_restarts(3))).player("idle", idle);
        let report = Conductor::new("shop").player("inner", inner).play_until(std::future::pending()).await;
        accounted(&report, &["shop/inner", "shop/inner/bad", "shop/inner/idle"]);
        assert_eq!(runs.load(Ordering::SeqCst), 4, "{report}");
        assert_eq!(report.player("shop/inner/bad").unwrap().failures.len(), 4, "{report}");
        assert!(matches!(&report.cause, Cause::Failed { path } if &**path == "shop/inner/bad"), "{report}");
    });
}

#[test]
fn a_nested_conductor_is_ready_after_and_stops_with_its_parts() {
    explore(Time::WhenIdle, || async {
        let log = Log::default();
        let inner = Conductor::new("inner")
            .part(Part::new("a", polite(&log, "a")).signals_ready())
            .part(Part::new("b", polite(&log, "b")).signals_ready().after("a"));
        let report = Conductor::new("shop")
            .player("inner", inner)
            .part(Part::new("web", polite(&log, "web")).after("inner"))
            .play_until(pause(12))
            .await;
        // A conductor that was not started says nothing of its parts.
        match outcome(&report, "shop/inner") {
            Outcome::NeverStarted { .. } => accounted(&report, &["shop/inner", "shop/web"]),
            _ => accounted(&report, &["shop/inner", "shop/inner/a", "shop/inner/b", "shop/web"]),
        }
        assert!(report.is_clean(), "{report}");
        log.ordered("a ready", "b up");
        log.ordered("b ready", "web up");
        log.never_after("web down", "b told");
        log.never_after("b down", "a told");
    });
}

#[test]
fn the_hung_one_is_named_and_the_polite_ones_are_clean() {
    explore(Time::WhenIdle, || async {
        let log = Log::default();
        let inner = Conductor::new("inner").player("deaf", deaf).player("polite", polite(&log, "inside"));
        let report = Conductor::new("shop")
            .part(Part::new("db", polite(&log, "db")))
            .part(Part::new("inner", inner).after("db"))
            .stop_timeout(MS * 1000)
            .play_until(tokio::time::sleep(MS))
            .await;
        accounted(&report, &["shop/db", "shop/inner", "shop/inner/deaf", "shop/inner/polite"]);
        let unclean: Vec<_> = report.players.iter().filter(|player| !player.is_clean()).collect();
        assert!(unclean.len() == 1 && &*unclean[0].path == "shop/inner/deaf", "{report}");
        assert_eq!(unclean[0].outcome, Outcome::Overran, "{report}");
        log.ordered("inside down", "db told");
        assert_eq!(report.exit_code(), upbeat::exit_code::OVERRAN);
    });
}

#[test]
fn every_player_is_reported_whenever_time_passes() {
    explore(Time::AtAnyMoment, || async {
        let log = Log::default();
        let inner = Conductor::new("inner").player("x", polite(&log, "x")).player("y", sour("sour"));
        let report = Conductor::new("shop")
            .part(Part::new("a", polite(&log, "a")).signals_ready())
            .part(Part::new("b", polite(&log, "b")).signals_ready().after("a"))
            .part(Part::new("deaf", deaf).after("a"))
            .part(Part::new("bad", failing("bad")).restart(soon().max_restarts(2)))
            .player("inner", inner)
            .play_until(pause(12))
            .await;
        // The parts of the inner one are told of once it has ended, so not where it was aborted or
        // has not started.
        let paths: Vec<_> = report.players.iter().map(|player| &*player.path).collect();
        let outer = ["shop/a", "shop/b", "shop/deaf", "shop/bad", "shop/inner"];
        let all = [&outer[..], &["shop/inner/x", "shop/inner/y"]].concat();
        assert!(paths == outer || paths == all, "{report}");
        log.ordered("a ready", "b up");
        for name in ["a", "b"] {
            // A player that could finish is not reported as aborted, and the reverse.
            match outcome(&report, &format!("shop/{name}")) {
                Outcome::Stopped => assert_eq!(log.count(&format!("{name} down")), 1, "{report}"),
                Outcome::NeverStarted { .. } => assert_eq!(log.count(&format!("{name} up")), 0, "{report}"),
                _ => {}
            }
        }
    });
}

#[test]
fn dropping_a_conductor_leaves_no_task_behind() {
    explore(Time::WhenIdle, || async {
        let here = Arc::new(());
        let player = with(here.clone(), |here: Arc<()>, cx: Context| async move {
            let too = here.clone();
            drop(cx.spawn("helper", async move {
                std::future::pending::<()>().await;
                drop(too);
            }));
            std::future::pending::<()>().await;
            drop(here);
            Ok::<_, BoxError>(())
        });
        let conductor = Conductor::new("shop").player("a", player);
        tokio::select! {
            biased;
            report = conductor.play_until(std::future::pending()) => panic!("{report}"),
            () = pause(12) => {}
        }
        settle().await;
        assert_eq!(Arc::strong_count(&here), 1);
    });
}

#[test]
fn a_silent_run_is_replaced_and_one_that_beats_is_not() {
    explore(Time::WhenIdle, || async {
        let alive = Alive::default();
        let player = with(alive.clone(), |alive: Alive, cx: Context| async move {
            let alive = alive.enter();
            cx.ready();
            if cx.attempt() > 0 {
                // Always in time, for whole periods of the watchdog.
                for _ in 0..6 {
                    if cx.unless_stopping(tokio::time::sleep(MS * 50)).await.is_some() {
                        cx.heartbeat();
                    }
                }
                cx.heartbeat();
            }
            cx.stopping().await;
            pause(2).await;
            alive.leave();
            Ok::<_, BoxError>(())
        });
        let part =
            Part::new("worker", player).signals_ready().watchdog(MS * 100, OnUnresponsive::Restart).restart(soon());
        let report = Conductor::new("shop").part(part).play_until(tokio::time::sleep(MS * 300)).await;
        accounted(&report, &["shop/worker"]);
        let worker = report.player("shop/worker").unwrap();
        assert!(worker.runs == 2 && worker.outcome == Outcome::Stopped, "{report}");
        assert!(failures(&report).len() == 1 && failures(&report)[0].contains("no heartbeat"), "{report}");
        assert_eq!(alive.0.load(Ordering::SeqCst), 0, "{report}");
    });
}
