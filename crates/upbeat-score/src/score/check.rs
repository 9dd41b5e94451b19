//! The check of a score: all faults at once, then the order of the start and of the stop.

use std::{sync::Arc, time::Duration};

use super::{
    Score,
    fault::{Fault, ScoreError},
    graph::{Edge, cycles, order},
    part::{Condition, Kind, PartSpec, default_condition},
    plan::{Plan, StopPath, Warning},
    together::{Parts, restarted_with},
};
use crate::index::Index;

/// A score without faults, by index instead of by name.
pub(crate) struct Resolved {
    /// The dependencies of each part.
    pub(crate) edges: Vec<Vec<Edge>>,
    /// The parts in an order in which each comes after its dependencies.
    pub(crate) order: Vec<u32>,
    /// The parts by name.
    pub(crate) index: Index,
}

impl Score {
    /// Finds all faults at once, and plans the start and the stop.
    ///
    /// # Errors
    ///
    /// Returns all faults in the order of the parts. Cycles come last.
    pub fn check(&self) -> Result<Plan, ScoreError> {
        let resolved = self.resolve()?;
        let mut waves: Vec<Vec<Arc<str>>> = Vec::new();
        let mut wave = vec![0usize; resolved.edges.len()];
        for &i in &resolved.order {
            let i = i as usize;
            wave[i] = resolved.edges[i].iter().map(|(to, _)| wave[*to as usize] + 1).max().unwrap_or(0);
            if waves.len() <= wave[i] {
                waves.push(Vec::new());
            }
            waves[wave[i]].push(self.parts[i].name.clone());
        }
        let longest_stop = self.longest_stop(&resolved);
        Ok(Plan { waves, warnings: self.warnings(&longest_stop), longest_stop })
    }

    /// Returns the edges of each part by index. Default conditions and
    /// [`PartSpec::first_and_last`] become explicit edges.
    pub(crate) fn resolve(&self) -> Result<Resolved, ScoreError> {
        let mut faults = Vec::new();
        let name_at = |i: u32| &*self.parts[i as usize].name;
        let mut index = Index::with_capacity(self.parts.len());
        for (i, part) in (0u32..).zip(&self.parts) {
            own_faults(part, &mut faults);
            if !index.insert(i, name_at) {
                faults.push(Fault::DuplicateName { name: part.name.clone() });
            }
        }
        if let Some(reason) = invalid_name(&self.name) {
            faults.push(Fault::InvalidName { name: self.name.clone(), reason });
        }
        if self.lame_duck >= self.stop_timeout && !self.lame_duck.is_zero() {
            faults.push(Fault::LameDuckTooLong { lame_duck: self.lame_duck, stop_timeout: self.stop_timeout });
        }

        let first: Vec<u32> = (0..).zip(&self.parts).filter(|(_, part)| part.first_and_last).map(|(i, _)| i).collect();
        let mut edges = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            let lookup = |name: &str| index.find(name, name_at).map(|i| (i, self.parts[i as usize].kind));
            let mut own = resolve_part(part, lookup, &mut faults);
            if !part.first_and_last {
                for &i in &first {
                    if own.iter().all(|(to, _)| *to != i) {
                        own.push((i, default_condition(self.parts[i as usize].kind)));
                    }
                }
            }
            edges.push(own);
        }
        let graph = Graph { score: self, edges: &edges };
        for (i, part) in (0u32..).zip(&self.parts).filter(|(_, part)| !part.restartable) {
            if let Some(other) = restarted_with(self.strategy, i, &graph) {
                let other = self.parts[other as usize].name.clone();
                faults.push(Fault::NotRestartableTogether { part: part.name.clone(), other });
            }
        }
        match order(&edges) {
            Ok(order) if faults.is_empty() => return Ok(Resolved { edges, order, index }),
            Ok(_) => {}
            Err(blocked) => {
                let name = |i: u32| self.parts[i as usize].name.clone();
                let cycles = cycles(&edges, &blocked).into_iter();
                faults.extend(cycles.map(|parts| Fault::Cycle { parts: parts.into_iter().map(name).collect() }));
            }
        }
        Err(ScoreError { faults })
    }

    /// Returns the path of the stop that takes longest by the parts' own timeouts.
    pub(crate) fn longest_stop(&self, resolved: &Resolved) -> StopPath {
        // For each part: the time that it and the parts after it need, the next of them, and their
        // number.
        let mut paths = vec![(Duration::ZERO, 0u32, None); resolved.edges.len()];
        for &i in &resolved.order {
            let i = i as usize;
            let next = resolved.edges[i].iter().map(|(to, _)| *to).max_by_key(|to| paths[*to as usize]);
            let (needs, length, _) = next.map_or((Duration::ZERO, 0, None), |next| paths[next as usize]);
            let own = self.parts[i].stop_timeout.unwrap_or_default();
            paths[i] = (needs.saturating_add(own), length + 1, next);
        }
        let mut at = resolved.order.iter().rev().copied().max_by_key(|i| paths[*i as usize]);
        let needs = at.map_or(Duration::ZERO, |i| paths[i as usize].0);
        let mut parts = Vec::new();
        while let Some(i) = at {
            parts.push(self.parts[i as usize].name.clone());
            at = paths[i as usize].2;
        }
        StopPath { parts, needs }
    }

    pub(crate) fn warnings(&self, longest_stop: &StopPath) -> Vec<Warning> {
        if longest_stop.needs.saturating_add(self.lame_duck) <= self.stop_timeout {
            return Vec::new();
        }
        let (path, lame_duck, budget) = (longest_stop.clone(), self.lame_duck, self.stop_timeout);
        vec![Warning::StopPathTooLong { path, lame_duck, budget }]
    }
}

/// The parts of a score with their edges.
struct Graph<'a> {
    score: &'a Score,
    edges: &'a [Vec<Edge>],
}

impl Parts for Graph<'_> {
    fn all(&self) -> impl Iterator<Item = u32> {
        (0u32..).zip(&self.score.parts).map(|(i, _)| i)
    }

    fn after(&self, part: u32) -> &[Edge] {
        &self.edges[part as usize]
    }

    fn declares_restarts(&self, part: u32) -> bool {
        self.score.parts[part as usize].declares_restarts()
    }
}

/// Adds the faults of a part that do not depend on other parts.
pub(crate) fn own_faults(part: &PartSpec, faults: &mut Vec<Fault>) {
    let name = &part.name;
    if let Some(reason) = invalid_name(name) {
        faults.push(Fault::InvalidName { name: name.clone(), reason });
    }
    if part.ready_timeout.is_zero() {
        faults.push(Fault::ZeroReadyTimeout { part: name.clone() });
    }
    if part.watchdog.is_some_and(|watchdog| watchdog.timeout.is_zero()) {
        faults.push(Fault::ZeroWatchdogTimeout { part: name.clone() });
    }
    if part.restart.has_zero_window() {
        faults.push(Fault::ZeroRestartWindow { part: name.clone() });
    }
    if let Some((first, max)) = part.restart.above_cap() {
        faults.push(Fault::BackoffAboveCap { part: name.clone(), first, max });
    }
    if !part.restartable && part.declares_restarts() {
        faults.push(Fault::NotRestartable { part: name.clone() });
    }
}

/// Returns the edges of one part by index. An edge to an unknown part is a fault.
pub(crate) fn resolve_part(
    part: &PartSpec,
    lookup: impl Fn(&str) -> Option<(u32, Kind)>,
    faults: &mut Vec<Fault>,
) -> Vec<Edge> {
    let mut edges: Vec<Edge> = Vec::with_capacity(part.after.len());
    for after in &part.after {
        if after.name == part.name {
            faults.push(Fault::SelfDependency { part: part.name.clone() });
            continue;
        }
        let Some((to, kind)) = lookup(&after.name) else {
            faults.push(Fault::UnknownDependency { part: part.name.clone(), dependency: after.name.clone() });
            continue;
        };
        let condition = after.condition.unwrap_or_else(|| default_condition(kind));
        if condition == Condition::Finished && kind == Kind::Service {
            faults.push(Fault::NeverFinishes { part: part.name.clone(), dependency: after.name.clone() });
        }
        if !edges.contains(&(to, condition)) {
            edges.push((to, condition));
        }
    }
    edges
}

fn invalid_name(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("it is empty")
    } else if name.contains('/') {
        Some("`/` separates the segments of a path")
    } else if name.contains(|c: char| c.is_whitespace() || c.is_control()) {
        Some("it contains white space or control characters")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::restart::{Backoff, Restart};
    use crate::score::part::{OnUnresponsive, Strategy, Watchdog};

    const S: Duration = Duration::from_secs(1);

    fn part(name: &str, after: &[&str]) -> PartSpec {
        after.iter().fold(PartSpec::new(name), |part, on| part.after(*on))
    }

    fn score(parts: impl IntoIterator<Item = PartSpec>) -> Score {
        parts.into_iter().fold(Score::new("test"), Score::part)
    }

    fn names(names: &[&str]) -> Vec<Arc<str>> {
        names.iter().map(|name| Arc::from(*name)).collect()
    }

    #[test]
    fn finds_all_faults_at_once() {
        let mut lame = score([
            part("a", &["b", "unknown"]),
            part("b", &["a"]),
            part("b", &[]),
            part("c", &["c"]),
            part("no/good", &[]),
            part("d", &[]).after_when("c", Condition::Finished),
        ]);
        lame.lame_duck = S * 10;
        lame.parts[5].watchdog = Some(Watchdog::new(Duration::ZERO, OnUnresponsive::Restart));
        lame.parts[5].restartable = false;
        let faults = lame.check().unwrap_err().faults;
        for expected in [
            Fault::DuplicateName { name: "b".into() },
            Fault::UnknownDependency { part: "a".into(), dependency: "unknown".into() },
            Fault::SelfDependency { part: "c".into() },
            Fault::InvalidName { name: "no/good".into(), reason: "`/` separates the segments of a path" },
            Fault::NeverFinishes { part: "d".into(), dependency: "c".into() },
            Fault::LameDuckTooLong { lame_duck: S * 10, stop_timeout: S * 10 },
            Fault::ZeroWatchdogTimeout { part: "d".into() },
            Fault::NotRestartable { part: "d".into() },
        ] {
            assert!(faults.contains(&expected), "{expected} is missing from {faults:?}");
        }
    }

    #[test]
    fn names_the_parts_of_each_cycle_and_no_others() {
        let faults = score([
            part("a", &["b"]),
            part("b", &["c"]),
            part("c", &["b"]),
            part("d", &["e"]),
            part("e", &["d"]),
            part("f", &[]),
        ])
        .check()
        .unwrap_err()
        .faults;
        assert_eq!(faults, [Fault::Cycle { parts: names(&["b", "c"]) }, Fault::Cycle { parts: names(&["d", "e"]) }],);
        assert_eq!(faults[0].to_string(), "dependency cycle: b → c → b");
    }

    #[test]
    fn waves_do_not_depend_on_the_order_of_declaration() {
        let plan =
            score([part("d", &["b", "c"]), part("b", &["a"]), part("c", &["a"]), part("a", &[])]).check().unwrap();
        assert_eq!(plan.waves, [names(&["a"]), names(&["b", "c"]), names(&["d"])]);
    }

    #[test]
    fn first_and_last_is_an_edge_from_every_other_part() {
        let mut diagnostics = part("diagnostics", &[]);
        diagnostics.first_and_last = true;
        let plan = score([part("a", &[]), diagnostics, part("b", &["a"])]).check().unwrap();
        assert_eq!(plan.waves, [names(&["diagnostics"]), names(&["a"]), names(&["b"])]);
    }

    #[test]
    fn warns_about_a_stop_path_longer_than_the_budget_and_names_it() {
        let with = |mut part: PartSpec, secs| {
            part.stop_timeout = Some(S * secs);
            part
        };
        let mut score =
            score([with(part("db", &[]), 4), with(part("cache", &[]), 1), with(part("web", &["db", "cache"]), 5)]);
        assert_eq!(score.check().unwrap().warnings, []);
        score.lame_duck = S * 2;
        let plan = score.check().unwrap();
        assert_eq!(plan.longest_stop, StopPath { parts: names(&["web", "db"]), needs: S * 9 });
        assert_eq!(
            plan.warnings[0].to_string(),
            "stopping can take 11s (lame duck 2s, then web → db), but the whole budget is 10s",
        );
    }

    fn once(mut part: PartSpec) -> PartSpec {
        part.restartable = false;
        part
    }

    fn restarts(mut part: PartSpec) -> PartSpec {
        part.restart = Restart::on_failure(Restart::DEFAULT_BACKOFF);
        part
    }

    fn job(mut part: PartSpec) -> PartSpec {
        part.kind = Kind::Job;
        part
    }

    /// Returns the faults of parts under a strategy.
    fn faults(strategy: Strategy, parts: impl IntoIterator<Item = PartSpec>) -> Vec<Fault> {
        let mut score = score(parts);
        score.strategy = strategy;
        score.check().map_or_else(|error| error.faults, |_| Vec::new())
    }

    #[test]
    fn a_part_that_plays_once_is_not_restarted_with_another() {
        let together =
            |part: &str, other: &str| vec![Fault::NotRestartableTogether { part: part.into(), other: other.into() }];
        let beside = || [once(part("once", &[])), restarts(part("db", &[]))];
        assert_eq!(faults(Strategy::OneForAll, beside()), together("once", "db"));
        assert_eq!(faults(Strategy::RestForOne, beside()), []);
        assert_eq!(faults(Strategy::OneForOne, beside()), []);

        let behind = || [restarts(part("db", &[])), part("api", &["db"]), once(part("once", &["api"]))];
        assert_eq!(faults(Strategy::RestForOne, behind()), together("once", "db"));
        assert_eq!(faults(Strategy::OneForAll, behind()), together("once", "db"));
        let before = [restarts(part("db", &["once"])), once(part("once", &[]))];
        assert_eq!(faults(Strategy::RestForOne, before), []);

        let mut watched = part("db", &[]);
        watched.watchdog = Some(Watchdog::new(S, OnUnresponsive::Restart));
        assert_eq!(faults(Strategy::OneForAll, [watched, once(part("once", &[]))]), together("once", "db"));
        // Without a declared restart there is none.
        assert_eq!(faults(Strategy::OneForAll, [part("db", &[]), once(part("once", &[]))]), []);
    }

    #[test]
    fn a_job_that_plays_once_may_come_before_parts_that_are_restarted() {
        let migrate = || once(job(part("migrate", &[])));
        let behind = || restarts(part("db", &["migrate"]));
        assert_eq!(faults(Strategy::OneForAll, [migrate(), behind(), restarts(part("api", &["db"]))]), []);
        let beside = faults(Strategy::OneForAll, [migrate(), behind(), restarts(part("api", &[]))]);
        assert_eq!(beside, [Fault::NotRestartableTogether { part: "migrate".into(), other: "api".into() }]);
        // A finished job is not restarted, so what follows it is not restarted with it.
        let after = [restarts(job(part("load", &[]))), once(part("once", &["load"]))];
        assert_eq!(faults(Strategy::RestForOne, after.clone()), []);
        assert_eq!(faults(Strategy::OneForAll, after), []);
    }

    #[test]
    fn numbers_without_a_meaning_are_faults() {
        let with = |restart: Restart| {
            let mut part = part("a", &[]);
            part.restart = restart;
            faults(Strategy::OneForOne, [part])
        };
        let window = Restart::always(Restart::DEFAULT_BACKOFF).max_restarts(3).within(Duration::ZERO);
        assert_eq!(with(window), [Fault::ZeroRestartWindow { part: "a".into() }]);
        assert_eq!(with(Restart::never().within(Duration::ZERO)), []);
        let backoff = Restart::on_failure(Backoff::exponential(S * 2, S));
        assert_eq!(with(backoff), [Fault::BackoffAboveCap { part: "a".into(), first: S * 2, max: S }]);
    }

    #[test]
    fn the_longest_times_do_not_overflow() {
        let mut parts = ["a", "b", "c"].map(|name| part(name, &[]));
        parts[1].after.push(crate::After::new("a", None));
        parts[2].after.push(crate::After::new("b", None));
        for part in &mut parts {
            part.stop_timeout = Some(Duration::MAX);
            part.ready_timeout = Duration::MAX;
            part.restart =
                Restart::always(Backoff::exponential(Duration::MAX, Duration::MAX)).reset_after(Duration::MAX);
            part.watchdog = Some(Watchdog::new(Duration::MAX, OnUnresponsive::Restart));
        }
        let mut score = score(parts);
        (score.stop_timeout, score.lame_duck) = (Duration::MAX, Duration::from_secs(1));
        let plan = score.check().unwrap();
        assert_eq!(plan.longest_stop.needs, Duration::MAX);
        plan.warnings.iter().for_each(|warning| assert!(!warning.to_string().is_empty()));
    }

    #[test]
    fn a_restart_policy_needs_a_restartable_player() {
        let mut once = part("once", &[]);
        once.restartable = false;
        once.restart = Restart::always(Restart::DEFAULT_BACKOFF);
        let faults = score([once]).check().unwrap_err().faults;
        assert_eq!(faults, [Fault::NotRestartable { part: "once".into() }]);
    }
}
