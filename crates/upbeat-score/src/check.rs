//! Finding every fault of a score before anything starts, and planning its start and stop.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::Arc,
    time::Duration,
};

use crate::{Condition, Kind, OnUnresponsive, PartSpec, RestartWhen, Score, index::Index};

/// One reason why a score cannot be played.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The name cannot be a segment of a path.
    #[error("`{name}` cannot be a name: {why}")]
    BadName {
        /// The name.
        name: Arc<str>,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Two parts have the same name.
    #[error("two parts are named `{name}`")]
    Duplicate {
        /// Their name.
        name: Arc<str>,
    },
    /// The same shared player was given to two parts.
    #[error("`{part}` plays the same player instance as `{other}`")]
    SameInstance {
        /// The later part.
        part: Arc<str>,
        /// The earlier part.
        other: Arc<str>,
    },
    /// A part starts after one that does not exist.
    #[error("`{part}` starts after `{on}`, but no part has that name")]
    UnknownDependency {
        /// The part.
        part: Arc<str>,
        /// The name that no part has.
        on: Arc<str>,
    },
    /// A part starts after itself.
    #[error("`{part}` starts after itself")]
    SelfDependency {
        /// The part.
        part: Arc<str>,
    },
    /// Parts wait for each other in a circle.
    #[error("parts wait for each other: {}", circle(.parts))]
    Cycle {
        /// Each starts after the next, and the last after the first.
        parts: Vec<Arc<str>>,
    },
    /// A part waits for the successful end of a service, which has none.
    #[error(
        "`{part}` starts after `{on}` has finished, but `{on}` is a service and never finishes; declare it a job, or wait until it is ready"
    )]
    NeverFinishes {
        /// The part that waits.
        part: Arc<str>,
        /// The service.
        on: Arc<str>,
    },
    /// A part may take no time at all to become ready.
    #[error("`{part}` has no time to become ready")]
    NoTimeToStart {
        /// The part.
        part: Arc<str>,
    },
    /// A part's watchdog allows no silence at all.
    #[error("the watchdog of `{part}` allows no time between two signs of life")]
    NoTimeToBeat {
        /// The part.
        part: Arc<str>,
    },
    /// The lame duck period leaves nothing of the stop budget.
    #[error("the lame duck period of {lame_duck:?} leaves nothing of the stop budget of {stop_timeout:?}")]
    NoTimeToStop {
        /// The lame duck period.
        lame_duck: Duration,
        /// The stop budget that contains it.
        stop_timeout: Duration,
    },
    /// A part is to be restarted, but its player can be played only once.
    #[error("`{part}` is to be restarted, but its player can be played only once")]
    NotReplayable {
        /// The part.
        part: Arc<str>,
    },
}

fn circle(parts: &[Arc<str>]) -> String {
    let mut names: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
    names.extend(names.first().copied());
    names.join(" → ")
}

impl Fault {
    /// The part to point at, if the fault belongs to one.
    pub fn part(&self) -> Option<&str> {
        match self {
            Self::BadName { name: part, .. }
            | Self::Duplicate { name: part }
            | Self::SameInstance { part, .. }
            | Self::UnknownDependency { part, .. }
            | Self::SelfDependency { part }
            | Self::NeverFinishes { part, .. }
            | Self::NoTimeToStart { part }
            | Self::NoTimeToBeat { part }
            | Self::NotReplayable { part } => Some(part),
            Self::Cycle { parts } => parts.first().map(AsRef::as_ref),
            Self::NoTimeToStop { .. } => None,
        }
    }
}

/// A score cannot be played: every fault, not only the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScoreError {
    /// The faults, at least one.
    pub faults: Vec<Fault>,
}

impl fmt::Display for ScoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the score cannot be played: ")?;
        for (i, fault) in self.faults.iter().enumerate() {
            write!(f, "{}{fault}", if i == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for ScoreError {}

/// Something that can be played but hardly as intended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Warning {
    /// Those who use their whole stop budget leave nothing to those after them.
    #[error("stopping can take {:?} ({}{}), but the whole budget is {budget:?}", .path.needs + *.lame_duck, lame(.lame_duck), .path)]
    StopPathTooLong {
        /// The longest path.
        path: StopPath,
        /// What comes before it.
        lame_duck: Duration,
        /// What there is.
        budget: Duration,
    },
}

fn lame(lame_duck: &Duration) -> String {
    if lame_duck.is_zero() { String::new() } else { format!("lame duck {lame_duck:?}, then ") }
}

/// Parts that stop one after the other, and how long they may take together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StopPath {
    /// In the order of their stop.
    pub parts: Vec<Arc<str>>,
    /// The sum of their own stop budgets; parts without one add nothing.
    pub needs: Duration,
}

impl fmt::Display for StopPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.parts.join(" → "))
    }
}

/// How a score will be played.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Plan {
    /// The parts by the earliest they can start: each wave only waits for earlier ones. Stopping goes the other way.
    pub waves: Vec<Vec<Arc<str>>>,
    /// The path of the stop that needs the longest by the parts' own budgets.
    pub longest_stop: StopPath,
    /// What is allowed but hardly intended.
    pub warnings: Vec<Warning>,
}

/// An edge by index.
pub(crate) type Edge = (u32, Condition);

/// A score without faults, by index.
pub(crate) struct Resolved {
    /// What each part waits for.
    pub(crate) edges: Vec<Vec<Edge>>,
    /// The parts so that each comes after all it depends on.
    pub(crate) order: Vec<u32>,
    /// By name.
    pub(crate) index: Index,
}

impl Score {
    /// Finds every fault at once, and plans the start and the stop.
    ///
    /// # Errors
    ///
    /// All faults, in the order of the parts; cycles come last.
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

    /// The edges of each part by index, with the default conditions and [`PartSpec::first_and_last`] made explicit.
    pub(crate) fn resolve(&self) -> Result<Resolved, ScoreError> {
        let mut faults = Vec::new();
        let name_at = |i: u32| &*self.parts[i as usize].name;
        let mut index = Index::with_capacity(self.parts.len());
        for (i, part) in (0u32..).zip(&self.parts) {
            own_faults(part, &mut faults);
            if !index.insert(i, name_at) {
                faults.push(Fault::Duplicate { name: part.name.clone() });
            }
        }
        if let Some(why) = bad_name(&self.name) {
            faults.push(Fault::BadName { name: self.name.clone(), why });
        }
        if self.lame_duck >= self.stop_timeout && !self.lame_duck.is_zero() {
            faults.push(Fault::NoTimeToStop { lame_duck: self.lame_duck, stop_timeout: self.stop_timeout });
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
        match order(&edges) {
            Ok(order) if faults.is_empty() => return Ok(Resolved { edges, order, index }),
            Ok(_) => {}
            Err(tangled) => {
                let name = |i: u32| self.parts[i as usize].name.clone();
                let cycles = cycles(&edges, &tangled).into_iter();
                faults.extend(cycles.map(|parts| Fault::Cycle { parts: parts.into_iter().map(name).collect() }));
            }
        }
        Err(ScoreError { faults })
    }

    /// The path of the stop that needs the longest by the parts' own budgets.
    pub(crate) fn longest_stop(&self, resolved: &Resolved) -> StopPath {
        // For each part: how long it and what stops after it need, which of those comes next, and how many they are.
        let mut paths = vec![(Duration::ZERO, 0u32, None); resolved.edges.len()];
        for &i in &resolved.order {
            let i = i as usize;
            let next = resolved.edges[i].iter().map(|(to, _)| *to).max_by_key(|to| paths[*to as usize]);
            let (needs, length, _) = next.map_or((Duration::ZERO, 0, None), |next| paths[next as usize]);
            paths[i] = (needs + self.parts[i].stop_timeout.unwrap_or_default(), length + 1, next);
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
        if longest_stop.needs + self.lame_duck <= self.stop_timeout {
            return Vec::new();
        }
        let (path, lame_duck, budget) = (longest_stop.clone(), self.lame_duck, self.stop_timeout);
        vec![Warning::StopPathTooLong { path, lame_duck, budget }]
    }
}

pub(crate) fn default_condition(kind: Kind) -> Condition {
    match kind {
        Kind::Service => Condition::Ready,
        Kind::Job => Condition::Finished,
    }
}

/// The faults of a part that show without looking at the others.
pub(crate) fn own_faults(part: &PartSpec, faults: &mut Vec<Fault>) {
    let name = &part.name;
    if let Some(why) = bad_name(name) {
        faults.push(Fault::BadName { name: name.clone(), why });
    }
    if part.ready_timeout.is_zero() {
        faults.push(Fault::NoTimeToStart { part: name.clone() });
    }
    if part.watchdog.is_some_and(|dog| dog.timeout.is_zero()) {
        faults.push(Fault::NoTimeToBeat { part: name.clone() });
    }
    let restarts = part.watchdog.is_some_and(|dog| dog.action == OnUnresponsive::Restart);
    if !part.replayable && (restarts || part.restart.when() != RestartWhen::Never) {
        faults.push(Fault::NotReplayable { part: name.clone() });
    }
}

/// The edges of one part by index; each edge that leads nowhere is a fault.
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
            faults.push(Fault::UnknownDependency { part: part.name.clone(), on: after.name.clone() });
            continue;
        };
        let condition = after.condition.unwrap_or_else(|| default_condition(kind));
        if condition == Condition::Finished && kind == Kind::Service {
            faults.push(Fault::NeverFinishes { part: part.name.clone(), on: after.name.clone() });
        }
        if !edges.contains(&(to, condition)) {
            edges.push((to, condition));
        }
    }
    edges
}

fn bad_name(name: &str) -> Option<&'static str> {
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

/// The parts so that each comes after all it depends on, otherwise in the order given; or those that wait for each other.
fn order(edges: &[Vec<Edge>]) -> Result<Vec<u32>, Vec<u32>> {
    let mut unmet: Vec<usize> = edges.iter().map(Vec::len).collect();
    let mut dependents: Vec<Vec<u32>> = vec![Vec::new(); edges.len()];
    for (i, own) in (0..).zip(edges) {
        for &(dependency, _) in own {
            dependents[dependency as usize].push(i);
        }
    }
    let mut free: VecDeque<u32> = (0..).zip(&unmet).filter(|(_, unmet)| **unmet == 0).map(|(i, _)| i).collect();
    let mut order = Vec::with_capacity(edges.len());
    while let Some(i) = free.pop_front() {
        order.push(i);
        for &dependent in &dependents[i as usize] {
            unmet[dependent as usize] -= 1;
            if unmet[dependent as usize] == 0 {
                free.push_back(dependent);
            }
        }
    }
    if order.len() == edges.len() {
        Ok(order)
    } else {
        Err((0..).zip(&unmet).filter(|(_, unmet)| **unmet > 0).map(|(i, _)| i).collect())
    }
}

/// One circle out of each set of parts that wait for each other.
fn cycles(edges: &[Vec<Edge>], tangled: &[u32]) -> Vec<Vec<u32>> {
    // Every tangled part waits for another tangled one, so walking along such edges from any of them runs into a circle.
    let is_tangled: std::collections::HashSet<u32> = tangled.iter().copied().collect();
    let mut visited_by = HashMap::new();
    let mut cycles = Vec::new();
    for &start in tangled {
        let (mut at, mut walk) = (start, Vec::new());
        while !visited_by.contains_key(&at) {
            visited_by.insert(at, start);
            walk.push(at);
            let next = edges[at as usize].iter().map(|(to, _)| *to).find(|to| is_tangled.contains(to));
            at = next.unwrap_or(at);
        }
        if visited_by[&at] == start
            && let Some(from) = walk.iter().position(|i| *i == at)
        {
            cycles.push(walk.split_off(from));
        }
    }
    cycles
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Watchdog;

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
    fn all_faults_at_once() {
        let mut lame = score([
            part("a", &["b", "nobody"]),
            part("b", &["a"]),
            part("b", &[]),
            part("c", &["c"]),
            part("no/good", &[]),
            part("d", &[]).after_when("c", Condition::Finished),
        ]);
        lame.lame_duck = S * 10;
        lame.parts[5].watchdog = Some(Watchdog { timeout: Duration::ZERO, action: OnUnresponsive::Restart });
        lame.parts[5].replayable = false;
        let faults = lame.check().unwrap_err().faults;
        for expected in [
            Fault::Duplicate { name: "b".into() },
            Fault::UnknownDependency { part: "a".into(), on: "nobody".into() },
            Fault::SelfDependency { part: "c".into() },
            Fault::BadName { name: "no/good".into(), why: "`/` separates the segments of a path" },
            Fault::NeverFinishes { part: "d".into(), on: "c".into() },
            Fault::NoTimeToStop { lame_duck: S * 10, stop_timeout: S * 10 },
            Fault::NoTimeToBeat { part: "d".into() },
            Fault::NotReplayable { part: "d".into() },
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
        assert_eq!(faults[0].to_string(), "parts wait for each other: b → c → b");
    }

    #[test]
    fn waves_do_not_depend_on_the_order_of_declaration() {
        let plan =
            score([part("d", &["b", "c"]), part("b", &["a"]), part("c", &["a"]), part("a", &[])]).check().unwrap();
        assert_eq!(plan.waves, [names(&["a"]), names(&["b", "c"]), names(&["d"])]);
    }

    #[test]
    fn before_all_is_an_edge_from_everyone_else() {
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

    #[test]
    fn a_restart_policy_needs_a_replayable_player() {
        let mut once = part("once", &[]);
        once.replayable = false;
        once.restart = crate::Restart::always(crate::Restart::DEFAULT_BACKOFF);
        let faults = score([once]).check().unwrap_err().faults;
        assert_eq!(faults, [Fault::NotReplayable { part: "once".into() }]);
    }
}
