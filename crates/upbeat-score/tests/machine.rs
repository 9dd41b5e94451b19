//! Random scores played by a simulator with random players and requests: the machine keeps its
//! guarantees.
//!
//! `PROPTEST_CASES` sets the number of cases. The ladder runs many more than the everyday run.

#![expect(
    clippy::unwrap_used,
    clippy::struct_excessive_bools,
    reason = "a test fails by panicking, and its oracle tracks many independent facts"
)]

mod simulator;

use std::time::Duration;

use proptest::prelude::*;
use simulator::{Behavior, Command, Simulator};
use upbeat_score::{Backoff, Condition, Kind, OnFailure, PartSpec, Restart, Score, Strategy as Together};

fn ms(range: std::ops::Range<u64>) -> impl Strategy<Value = Duration> {
    range.prop_map(Duration::from_millis)
}

fn restart() -> impl Strategy<Value = Restart> {
    let backoff = || (ms(0..500), ms(0..3000)).prop_map(|(first, max)| Backoff::exponential(first.min(max), max));
    let policy = prop_oneof![
        3 => Just(Restart::never()),
        2 => backoff().prop_map(Restart::on_failure),
        1 => backoff().prop_map(Restart::always),
    ];
    (policy, 0u32..4).prop_map(|(policy, max)| policy.max_restarts(max))
}

fn spec(i: usize, n: usize) -> impl Strategy<Value = PartSpec> {
    let condition = prop_oneof![Just(None), Just(Some(Condition::Started)), Just(Some(Condition::Ready))];
    let after = prop::collection::vec((0..n, condition), 0..3);
    let flags =
        (prop::bool::weighted(0.3), prop::bool::weighted(0.2), prop::bool::weighted(0.1), prop::bool::weighted(0.1));
    (after, restart(), flags, ms(1..3000), prop::option::of(ms(0..4000))).prop_map(
        move |(after, restart, (job, ignore, stops_all, first_and_last), ready_timeout, stop_timeout)| {
            let mut part = PartSpec::new(format!("p{i}"));
            // Edges lead only to later parts: there are no cycles, and the order of declaration is
            // never the order of the start.
            for (on, condition) in after.into_iter().filter(|(on, _)| *on > i) {
                part.after.push(upbeat_score::After::new(format!("p{on}"), condition));
            }
            part.restart = restart;
            part.kind = if job { Kind::Job } else { Kind::Service };
            part.on_failure = if ignore { OnFailure::Ignore } else { OnFailure::Shutdown };
            part.stops_all = stops_all;
            part.first_and_last = first_and_last && i == n - 1;
            part.ready_timeout = ready_timeout;
            part.stop_timeout = stop_timeout;
            part
        },
    )
}

fn score() -> impl Strategy<Value = Score> {
    let strategy = prop_oneof![Just(Together::OneForOne), Just(Together::OneForAll), Just(Together::RestForOne)];
    let parts = (1usize..7).prop_flat_map(|n| (0..n).map(|i| spec(i, n)).collect::<Vec<_>>());
    let once = prop::collection::vec(prop::bool::weighted(0.25), 7);
    (parts, once, strategy, ms(1..6000), 0u64..3).prop_map(|(parts, once, strategy, stop_timeout, duck)| {
        let mut score = parts.into_iter().fold(Score::new("all"), Score::part);
        score.strategy = strategy;
        score.stop_timeout = stop_timeout;
        score.lame_duck = stop_timeout * u32::try_from(duck).unwrap() / 4;
        // Some parts can be played only once, where the check accepts it.
        for i in (0..score.parts.len()).filter(|i| once[*i]) {
            score.parts[i].restartable = false;
            score.parts[i].restartable = score.check().is_err();
        }
        score
    })
}

fn behavior() -> impl Strategy<Value = Behavior> {
    let how = || {
        prop_oneof![
            2 => Just(upbeat_score::RunEnd::Ok),
            3 => Just(upbeat_score::RunEnd::Failed),
            1 => Just(upbeat_score::RunEnd::RestartRequested),
        ]
    };
    (
        prop::option::weighted(0.85, ms(0..2500)),
        prop::option::weighted(0.4, (ms(0..6000), how())),
        prop::option::weighted(0.8, (ms(0..2500), how())),
        prop::option::weighted(0.8, ms(0..700)),
        prop::bool::weighted(0.1),
        prop::option::weighted(0.15, (ms(0..6000), any::<bool>())),
        prop::option::weighted(0.15, (ms(0..6000), ms(0..2000))),
    )
        .prop_map(|(ready, ends, stops, dies, returns, misses, degraded)| Behavior {
            ready,
            ends,
            stops,
            dies,
            returns,
            misses,
            degraded,
        })
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        3 => Just(Command::StopAll),
        1 => Just(Command::AbortAll),
        2 => (0usize..7).prop_map(Command::Stop),
        2 => (0usize..7).prop_map(Command::Restart),
        1 => (0usize..7).prop_map(Command::Remove),
        1 => (0usize..7).prop_map(Command::Add),
    ]
}

/// Returns the configuration with enough cases to find every seeded fault. `PROPTEST_CASES`
/// overrides the number.
fn config() -> ProptestConfig {
    let config = ProptestConfig { failure_persistence: None, max_shrink_iters: 20_000, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_some() { config } else { ProptestConfig { cases: 4000, ..config } }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_guarantee_holds_in_every_simulation(
        score in score(),
        behaviors in prop::collection::vec(behavior(), 1..40),
        commands in prop::collection::vec((ms(0..12_000), command()), 0..6),
        seed in any::<u64>(),
    ) {
        Simulator::new(&score, behaviors, seed).run(&commands)?;
    }

    #[test]
    fn a_part_that_always_fails_runs_exactly_one_and_n_times(max in 0u32..50, window in prop::option::of(Just(Duration::MAX)), seed in any::<u64>()) {
        let mut policy = Restart::on_failure(Backoff::exponential(Duration::from_millis(1), Duration::from_secs(9))).max_restarts(max);
        if let Some(window) = window {
            policy = policy.within(window);
        }
        let mut part = PartSpec::new("p0");
        part.restart = policy;
        let fails = Behavior { ready: None, ends: Some((Duration::ZERO, upbeat_score::RunEnd::Failed)), stops: None, dies: None, returns: false, misses: None, degraded: None };
        let runs = Simulator::new(&Score::new("all").part(part), vec![fails], seed).run(&[])?;
        prop_assert_eq!(runs, [1 + max]);
    }
}
