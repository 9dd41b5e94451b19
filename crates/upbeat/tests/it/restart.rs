//! Ends and restarts: which parts are started again, when, and how often.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use crate::common::{Log, MS, S, ZERO, failing, idle, polite};
use tokio::time::Instant;
use upbeat::{
    BoxError, Conductor, Context, Part, Player,
    report::{Cause, Outcome},
    restart::{Backoff, Restart, RestartRequested, Strategy},
    score::OnFailure,
    with,
};

const EVERY_SECOND: Backoff = Backoff::constant(S).jitter(0.0);

/// Returns `ends` after a second in its first run; plays on in the next.
fn once_then_plays(runs: &Arc<AtomicU32>, ends: Result<(), &'static str>) -> impl Player {
    with(runs.clone(), move |runs: Arc<AtomicU32>, cx: Context| async move {
        runs.fetch_add(1, Relaxed);
        if cx.attempt() == 0 {
            tokio::time::sleep(S).await;
            return ends.map_err(BoxError::from);
        }
        cx.stopping().await;
        Ok(())
    })
}

// 8: the nine cells of {always, on failure, never} × {Ok, failed, stopped}, as Erlang/OTP has them.
#[tokio::test(start_paused = true)]
async fn ends_that_are_followed_by_a_restart() {
    let cells = [
        (Restart::always(EVERY_SECOND), Ok(()), 2, Outcome::Stopped),
        (Restart::always(EVERY_SECOND), Err("no"), 2, Outcome::Stopped),
        (Restart::on_failure(EVERY_SECOND), Ok(()), 1, Outcome::Completed),
        (Restart::on_failure(EVERY_SECOND), Err("no"), 2, Outcome::Stopped),
        (Restart::never(), Ok(()), 1, Outcome::Completed),
        (Restart::never(), Err("no"), 1, Outcome::Failed),
    ];
    for (policy, ends, expected_runs, outcome) in cells {
        let runs = Arc::default();
        let job = Part::new("job", once_then_plays(&runs, ends)).job();
        let report = Conductor::new("shop")
            .part(job.restart(policy.clone()).on_failure(OnFailure::Ignore))
            .player("other", idle)
            .play_until(tokio::time::sleep(10 * S))
            .await;
        assert_eq!(runs.load(Relaxed), expected_runs, "{policy:?}, {ends:?}");
        assert_eq!(report.player("shop/job").unwrap().outcome, outcome, "{policy:?}, {ends:?}");
    }
    // Stopped, whatever the policy: no further run.
    for policy in [Restart::always(EVERY_SECOND), Restart::on_failure(EVERY_SECOND), Restart::never()] {
        let log = Log::default();
        let report = Conductor::new("shop")
            .part(Part::new("a", polite(&log, "a", MS, S)).restart(policy))
            .play_until(tokio::time::sleep(S))
            .await;
        assert_eq!(log.count("a up"), 1);
        assert!(report.is_clean(), "{report}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_returns_early_has_failed_and_its_report_names_the_remedy() {
    let returns = async |_: Context| Ok::<_, BoxError>(());
    let report = Conductor::new("shop").player("a", returns).player("b", idle).play_until(std::future::pending()).await;
    assert_eq!(report.player("shop/a").unwrap().outcome, Outcome::FinishedEarly);
    assert_eq!(report.player("shop/b").unwrap().outcome, Outcome::Stopped);
    assert!(report.to_string().contains("declare it with `job()`"), "{report}");
    assert_eq!(report.exit_code(), 1);
}

#[tokio::test(start_paused = true)]
async fn all_jobs_done_is_done_and_one_that_ends_all_stops_the_rest() {
    let job = async |_: Context| Ok::<_, BoxError>(());
    let report = Conductor::new("shop")
        .part(Part::new("a", job).job())
        .part(Part::new("b", job).job().after("a"))
        .play_until(std::future::pending())
        .await;
    assert!(matches!(report.cause, Cause::AllDone));
    assert!(report.is_clean(), "{report}");

    let report = Conductor::new("shop")
        .player("service", idle)
        .part(Part::new("main", job).stops_all().after("service"))
        .play_until(std::future::pending())
        .await;
    assert_eq!(report.player("shop/service").unwrap().outcome, Outcome::Stopped);
    assert!(report.is_clean(), "{report}");
}

/// Notes when each run begins, then fails at once.
fn fails_and_notes(starts: &Arc<std::sync::Mutex<Vec<Instant>>>) -> impl Player {
    with(starts.clone(), async |starts: Arc<std::sync::Mutex<Vec<Instant>>>, _: Context| {
        starts.lock().unwrap().push(Instant::now());
        Err::<(), _>(BoxError::from("no luck"))
    })
}

// 9 and 10: the backoff grows with jitter. max = 3 runs a player that always fails 1 + 3 times, and
// then fails upward.
#[tokio::test(start_paused = true)]
async fn backoff_grows_and_the_limit_is_exact() {
    // The conductor takes the seed of its jitter from this thread's generator.
    fastrand::seed(1);
    let starts = Arc::default();
    let policy = Restart::on_failure(Backoff::exponential(S, 60 * S).jitter(0.5)).max_restarts(3);
    let report = Conductor::new("shop")
        .part(Part::new("a", fails_and_notes(&starts)).restart(policy))
        .player("b", idle)
        .play_until(std::future::pending())
        .await;
    let starts = starts.lock().unwrap();
    assert_eq!(starts.len(), 4);
    for (i, full) in [1, 2, 4].into_iter().enumerate() {
        let delay = starts[i + 1] - starts[i];
        assert!(delay <= S * full && delay >= S * full / 2, "restart {i} after {delay:?}");
    }
    let a = report.player("shop/a").unwrap();
    assert_eq!((a.runs, a.failures.len()), (4, 4), "no failure is lost");
    assert!(matches!(&report.cause, Cause::Failed { path } if &**path == "shop/a"), "{report}");
    assert_eq!(report.player("shop/b").unwrap().outcome, Outcome::Stopped);
}

// 9: a healthy period resets the backoff, and uptime does not consume the budget.
#[tokio::test(start_paused = true)]
async fn a_player_that_is_healthy_for_long_can_fail_for_ever() {
    let runs: Arc<AtomicU32> = Arc::default();
    let flaky = with(runs.clone(), async |runs: Arc<AtomicU32>, _: Context| {
        runs.fetch_add(1, Relaxed);
        tokio::time::sleep(Duration::from_hours(1)).await;
        Err::<(), _>(BoxError::from("once an hour"))
    });
    let policy = Restart::on_failure(EVERY_SECOND).max_restarts(2).reset_after(60 * S);
    let report = Conductor::new("shop")
        .part(Part::new("flaky", flaky).restart(policy))
        .play_until(tokio::time::sleep(Duration::from_hours(100)))
        .await;
    assert_eq!(runs.load(Relaxed), 100);
    let flaky = report.player("shop/flaky").unwrap();
    assert_eq!(flaky.failures.len() as u64 + flaky.omitted_failures, 99, "what is not kept is counted");
}

// 9: a stop during the backoff is immediate.
#[tokio::test(start_paused = true)]
async fn a_stop_during_the_backoff_is_immediate() {
    let begun = Instant::now();
    let policy = Restart::on_failure(Backoff::constant(3600 * S));
    let report = Conductor::new("shop")
        .part(Part::new("a", failing(S, "no")).restart(policy))
        .play_until(tokio::time::sleep(5 * S))
        .await;
    assert_eq!(begun.elapsed(), 5 * S);
    assert_eq!(report.player("shop/a").unwrap().outcome, Outcome::Stopped);
    assert_eq!(report.player("shop/a").unwrap().failures.len(), 1);
}

// 9: Ok in a hot loop cannot restart thousands of times a second.
#[tokio::test(start_paused = true)]
async fn even_success_is_restarted_with_a_minimum_delay() {
    let runs: Arc<AtomicU32> = Arc::default();
    let hot = with(runs.clone(), async |runs: Arc<AtomicU32>, _: Context| {
        runs.fetch_add(1, Relaxed);
        Ok::<_, BoxError>(())
    });
    let policy = Restart::always(Backoff::constant(Duration::ZERO));
    let report = Conductor::new("shop")
        .part(Part::new("hot", hot).job().restart(policy))
        .play_until(tokio::time::sleep(S))
        .await;
    assert!((2..=101).contains(&runs.load(Relaxed)), "{runs:?} runs in a second");
    assert!(report.is_clean(), "{report}");
}

// 11: the new run never overlaps the clean-up of the old one, nor what it has spawned.
#[tokio::test(start_paused = true)]
async fn a_new_run_begins_only_when_the_old_one_is_gone_with_all_its_tasks() {
    let log = Log::default();
    let player = with(log.clone(), async |log: Log, cx: Context| {
        let run = cx.attempt();
        log.add(format!("{run} up"));
        let (helper, helper_cx) = (log.clone(), cx.clone());
        cx.spawn("flusher", async move {
            helper_cx.stopping().await;
            tokio::time::sleep(3 * S).await;
            helper.add(format!("{run} flushed"));
        });
        if run == 0 {
            return Err(BoxError::from("no"));
        }
        cx.stopping().await;
        Ok(())
    });
    let part = Part::new("a", player).restart(Restart::on_failure(Backoff::constant(MS)));
    let report = Conductor::new("shop").part(part).play_until(tokio::time::sleep(10 * S)).await;
    assert_eq!(log.lines(), ["0 up", "0 flushed", "1 up", "1 flushed"]);
    assert!(report.is_clean(), "{report}");
}

#[tokio::test(start_paused = true)]
async fn restart_me_is_a_value_that_a_player_returns() {
    let runs: Arc<AtomicU32> = Arc::default();
    let player = with(runs.clone(), async |runs: Arc<AtomicU32>, cx: Context| {
        if runs.fetch_add(1, Relaxed) < 2 {
            return Err(BoxError::from(RestartRequested));
        }
        cx.stopping().await;
        Ok(())
    });
    let report = Conductor::new("shop").player("a", player).play_until(tokio::time::sleep(60 * S)).await;
    assert_eq!(runs.load(Relaxed), 3);
    assert!(report.is_clean(), "{report}");
}

fn in_strategy(strategy: Strategy, log: &Log) -> Conductor {
    let crashes = with(log.clone(), async |log: Log, cx: Context| {
        log.add("b up");
        if cx.attempt() == 0 {
            tokio::time::sleep(S).await;
            log.add("b crashed");
            return Err(BoxError::from("no"));
        }
        cx.stopping().await;
        log.add("b down");
        Ok(())
    });
    Conductor::new("shop")
        .strategy(strategy)
        .player("a", polite(log, "a", ZERO, MS))
        .part(Part::new("b", crashes).after("a").restart(Restart::on_failure(EVERY_SECOND).max_restarts(3)))
        .part(Part::new("c", polite(log, "c", ZERO, MS)).after("b"))
}

// 8: one-for-one, rest-for-one and one-for-all.
#[tokio::test(start_paused = true)]
async fn strategies_restart_one_the_rest_or_all() {
    for (strategy, ups) in [
        (Strategy::OneForOne, [("a up", 1), ("b up", 2), ("c up", 1)]),
        (Strategy::RestForOne, [("a up", 1), ("b up", 2), ("c up", 2)]),
        (Strategy::OneForAll, [("a up", 2), ("b up", 2), ("c up", 2)]),
    ] {
        let log = Log::default();
        let report = in_strategy(strategy, &log).play_until(tokio::time::sleep(10 * S)).await;
        for (line, count) in ups {
            assert_eq!(log.count(line), count, "{strategy:?}: {line} in {:?}", log.lines());
        }
        assert!(report.is_clean(), "{strategy:?}: {report}");
        let lines = log.lines();
        let second_b = lines.iter().rposition(|line| line == "b up").unwrap();
        if strategy != Strategy::OneForOne {
            assert!(log.at("c down") < second_b, "{strategy:?}: what depends on it is gone first: {lines:?}");
        }
        if strategy == Strategy::OneForAll {
            assert!(log.at("c down") < log.at("a asked"), "in reverse: {lines:?}");
            assert!(log.at("a down") < second_b);
        }
    }
}

// 8: another child fails while the group is being restarted.
#[tokio::test(start_paused = true)]
async fn a_failure_during_the_restart_of_all_is_kept_and_stops_nothing() {
    let log = Log::default();
    let fails_while_stopping = with(log.clone(), async |log: Log, cx: Context| {
        log.add("d up");
        cx.stopping().await;
        if cx.attempt() == 0 { Err(BoxError::from("flush failed")) } else { Ok(()) }
    });
    let report = in_strategy(Strategy::OneForAll, &log)
        .player("d", fails_while_stopping)
        .play_until(tokio::time::sleep(10 * S))
        .await;
    assert_eq!((log.count("d up"), log.count("b up")), (2, 2), "{:?}", log.lines());
    assert_eq!(report.player("shop/d").unwrap().failures[0].to_string(), "flush failed");
    assert!(report.is_clean(), "{report}");
}

// 8: escalation past the intensity, through a nested conductor that is itself restarted.
#[tokio::test(start_paused = true)]
async fn an_exhausted_part_fails_upward_and_the_conductor_above_may_restart_all_of_it() {
    let starts = Arc::default();
    let policy = |max| Restart::on_failure(EVERY_SECOND).max_restarts(max);
    let inner =
        Conductor::new("inner").part(Part::new("a", fails_and_notes(&starts)).restart(policy(1))).player("b", idle);
    let report = Conductor::new("outer")
        .part(Part::new("inner", inner).restart(policy(2)))
        .play_until(std::future::pending())
        .await;
    assert_eq!(starts.lock().unwrap().len(), 2 * 3, "1 + 1 runs in each of 1 + 2");
    assert!(matches!(&report.cause, Cause::Failed { path } if &**path == "outer/inner/a"), "{report}");
    let inner = report.player("outer/inner").unwrap();
    assert_eq!(inner.failures.last().unwrap().to_string(), "outer/inner/a: no luck");
    assert_eq!(report.player("outer/inner/a").unwrap().outcome, Outcome::Failed);
}
