//! A simulator for the machine: players with random behavior, a virtual clock, and an oracle.
//!
//! The oracle checks the machine's actions only against what the simulated players did.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    time::Duration,
};

use proptest::{prelude::*, test_runner::TestCaseError};
use upbeat_score::{
    Action, Condition, End, Event, Kind, Machine, PartId, PartSpec, PartState, RunEnd, SETTLE, Score, StopReason,
};

/// The behavior of one run.
#[derive(Clone, Debug)]
pub(crate) struct Behavior {
    /// The time from the start until it is ready.
    pub ready: Option<Duration>,
    /// The time from the start until it ends by itself.
    pub ends: Option<(Duration, RunEnd)>,
    /// The time from the stop request until it ends.
    pub stops: Option<(Duration, RunEnd)>,
    /// The time from its abort until it is gone. `None` is never.
    pub dies: Option<Duration>,
    /// Whether it reports that it has returned, and ends half a second later.
    pub returns: bool,
    /// The time from the start until it misses its heartbeat, and whether that restarts it.
    pub misses: Option<(Duration, bool)>,
    /// The time from the start until it is degraded, and the time until it is ready again.
    pub degraded: Option<(Duration, Duration)>,
}

/// A request from outside.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Command {
    StopAll,
    AbortAll,
    Stop(usize),
    Restart(usize),
    Remove(usize),
    Add(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Ready(u64),
    Returns(u64),
    Misses(u64, bool),
    Degraded(u64, bool),
    Ends(u64, u8),
    Command(usize),
}

const HOW: [RunEnd; 4] = [RunEnd::Ok, RunEnd::Failed, RunEnd::RestartRequested, RunEnd::Aborted];

#[derive(Clone, Debug)]
struct Part {
    spec: PartSpec,
    after: Vec<(String, Condition)>,
    live: Option<u64>,
    asked: bool,
    /// Whether its current run has returned.
    returned: bool,
    /// Whether its current or last run was reported as unresponsive.
    unresponsive: bool,
    ready: bool,
    completed: bool,
    was_ready: bool,
    runs: u32,
    end: Option<End>,
}

struct Run {
    name: String,
    part: PartId,
    behavior: Behavior,
    gone: bool,
}

pub(crate) struct Simulator {
    machine: Machine,
    score: Score,
    behaviors: Vec<Behavior>,
    now: Duration,
    due: BinaryHeap<Reverse<(Duration, Due)>>,
    runs: BTreeMap<u64, Run>,
    parts: BTreeMap<String, Part>,
    removing: Vec<String>,
    /// The time at which all parts have to be over, once a stop was requested.
    must_end: Option<Duration>,
    whole_deadline: Option<Duration>,
    no_more_starts: bool,
    aborted: bool,
    finished: bool,
}

type Check = Result<(), TestCaseError>;

fn edges(spec: &PartSpec, kind_of: impl Fn(&str) -> Kind) -> Vec<(String, Condition)> {
    let condition = |after: &upbeat_score::After| {
        after.condition.unwrap_or(if kind_of(&after.name) == Kind::Job {
            Condition::Finished
        } else {
            Condition::Ready
        })
    };
    spec.after.iter().map(|after| (after.name.to_string(), condition(after))).collect()
}

impl Simulator {
    pub(crate) fn new(score: &Score, behaviors: Vec<Behavior>, seed: u64) -> Self {
        let kind_of = |name: &str| score.parts.iter().find(|part| *part.name == *name).unwrap().kind;
        let first: Vec<_> = score.parts.iter().filter(|part| part.first_and_last).collect();
        let mut parts = BTreeMap::new();
        for spec in &score.parts {
            let mut spec = spec.clone();
            for first in &first {
                if !spec.first_and_last && spec.after.iter().all(|after| after.name != first.name) {
                    spec = spec.after(first.name.clone());
                }
            }
            parts.insert(spec.name.to_string(), Part::new(edges(&spec, kind_of), spec));
        }
        Self {
            machine: Machine::new(score, seed).unwrap(),
            score: score.clone(),
            behaviors,
            now: Duration::ZERO,
            due: BinaryHeap::new(),
            runs: BTreeMap::new(),
            parts,
            removing: Vec::new(),
            must_end: None,
            whole_deadline: None,
            no_more_starts: false,
            aborted: false,
            finished: false,
        }
    }

    /// Runs to the end, and returns the number of runs of each part.
    pub(crate) fn run(mut self, commands: &[(Duration, Command)]) -> Result<Vec<u32>, TestCaseError> {
        let requests: Vec<Command> = commands.iter().map(|(_, command)| *command).collect();
        for (i, (at, _)) in commands.iter().enumerate() {
            self.due.push(Reverse((*at, Due::Command(i))));
        }
        // A stop is always requested in the end, because a score of services would play for ever.
        self.due.push(Reverse((Duration::from_mins(10), Due::Command(requests.len()))));

        self.send(Event::Begin)?;
        let mut steps = 0;
        while !self.finished {
            steps += 1;
            prop_assert!(steps < 200_000, "the simulation does not end");
            let next = self.due.peek().map(|Reverse((at, _))| *at);
            let wakeup = self.machine.poll_timeout();
            let at = [next, wakeup].into_iter().flatten().min();
            let Some(at) = at else {
                return Err(TestCaseError::fail("nothing is due, but the machine is not finished"));
            };
            prop_assert!(self.must_end.is_none_or(|end| at <= end), "still not over at {at:?}, {:?}", self.must_end);
            self.now = self.now.max(at);
            if next == Some(at) {
                let Some(Reverse((_, due))) = self.due.pop() else { unreachable!() };
                self.happen(due, &requests)?;
            } else {
                self.time_passes()?;
            }
        }
        self.check_the_end()?;
        Ok(self.parts.values().map(|part| part.runs).collect())
    }

    fn happen(&mut self, due: Due, requests: &[Command]) -> Check {
        match due {
            Due::Command(i) => self.command(requests.get(i).copied().unwrap_or(Command::StopAll)),
            Due::Ready(run) => {
                let Some(name) = self.live(run) else { return Ok(()) };
                let part = self.parts.get_mut(&name).unwrap();
                if !part.asked {
                    part.ready = true;
                    part.was_ready = true;
                }
                self.send(Event::Ready { part: self.runs[&run].part, run })
            }
            Due::Returns(run) => {
                let Some(name) = self.live(run) else { return Ok(()) };
                let part = self.parts.get_mut(&name).unwrap();
                (part.ready, part.returned) = (false, true);
                self.send(Event::Returned { part: self.runs[&run].part, run })
            }
            Due::Misses(run, restart) => {
                let Some(name) = self.live(run) else { return Ok(()) };
                let part = &self.parts[&name];
                if part.asked || part.returned || part.end.is_some() || self.no_more_starts {
                    return self.send(Event::Unresponsive { part: self.runs[&run].part, run, restart });
                }
                self.parts.get_mut(&name).unwrap().unresponsive = true;
                self.send(Event::Unresponsive { part: self.runs[&run].part, run, restart })?;
                let asked = self.parts.get(&name).is_none_or(|part| part.asked);
                // With a strategy its dependents are restarted too, and stop before it.
                let mut others =
                    self.parts.iter().filter(|(_, part)| part.live.is_some() && (part.asked || part.returned));
                let waits = others.any(|(other, _)| self.depends(other, &name));
                prop_assert!(asked || waits || self.no_more_starts, "{name} is unresponsive and is not stopped");
                Ok(())
            }
            Due::Degraded(run, degraded) => {
                let Some(name) = self.live(run) else { return Ok(()) };
                let part = self.runs[&run].part;
                self.send(Event::Degraded { part, run, degraded })?;
                let is_ready = self.machine.state(part) == PartState::Ready;
                prop_assert_eq!(self.machine.is_degraded(part), degraded && is_ready, "{}", name);
                prop_assert!(
                    !(degraded && is_ready && self.machine.all_ready()),
                    "all are ready, but {name} is degraded"
                );
                Ok(())
            }
            Due::Ends(run, how) => {
                if std::mem::replace(&mut self.runs.get_mut(&run).unwrap().gone, true) {
                    return Ok(());
                }
                let id = self.runs[&run].part;
                let name = self.runs[&run].name.clone();
                if let Some(part) = self.parts.get_mut(&name)
                    && part.live == Some(run)
                {
                    let job = part.spec.kind == Kind::Job || part.spec.stops_all;
                    part.completed = HOW[how as usize] == RunEnd::Ok && job && !part.asked;
                    part.live = None;
                    part.ready = false;
                }
                self.send(Event::Ended { part: id, run, how: HOW[how as usize] })
            }
        }
    }

    fn command(&mut self, command: Command) -> Check {
        let part = |i: usize| self.machine.find(&format!("p{i}"));
        match command {
            Command::StopAll => {
                self.stop_begins();
                self.send(Event::StopAll { budget: None })
            }
            Command::AbortAll => {
                self.no_more_starts = true;
                self.aborted = true;
                self.must_end = Some(self.now + SETTLE);
                self.send(Event::AbortAll)
            }
            Command::Stop(i) => part(i).map_or(Ok(()), |part| self.send(Event::Stop { part })),
            Command::Restart(i) => {
                let Some(part) = part(i) else { return Ok(()) };
                let name = format!("p{i}");
                if !self.parts[&name].spec.restartable && self.machine.runs(part) > 0 {
                    // The driver refuses it.
                    return Ok(());
                }
                if !self.no_more_starts && self.machine.state(part) != PartState::Over(End::Leaked) {
                    let part = self.parts.get_mut(&name).unwrap();
                    part.end = None;
                    part.completed = false;
                }
                self.send(Event::Restart { part })
            }
            Command::Remove(i) => {
                let Some(id) = part(i) else { return Ok(()) };
                let was_over = matches!(self.machine.state(id), PartState::Over(_));
                let Ok(actions) = self.machine.remove(id, self.now) else { return Ok(()) };
                if was_over {
                    self.parts.remove(&format!("p{i}"));
                } else {
                    self.removing.push(format!("p{i}"));
                }
                self.perform(actions)
            }
            Command::Add(i) => {
                let spec = PartSpec::new(format!("p{i}"));
                let Ok((_, actions)) = self.machine.add(&spec, self.now) else { return Ok(()) };
                prop_assert!(!self.no_more_starts, "a part was added while stopping");
                let first = self.parts.values().find(|part| part.spec.first_and_last);
                let condition = |kind| if kind == Kind::Job { Condition::Finished } else { Condition::Ready };
                let after = first.map(|first| (first.spec.name.to_string(), condition(first.spec.kind)));
                self.parts.insert(format!("p{i}"), Part::new(after.into_iter().collect(), spec));
                self.perform(actions)
            }
        }
    }

    fn stop_begins(&mut self) {
        self.no_more_starts = true;
        let deadline = self.now + self.score.stop_timeout;
        self.whole_deadline = self.whole_deadline.or(Some(deadline));
        self.must_end = self.must_end.or(Some(deadline + SETTLE));
    }

    /// Returns the part of the run, if the run is still there.
    fn live(&self, run: u64) -> Option<String> {
        let name = &self.runs[&run].name;
        (!self.runs[&run].gone && self.parts.get(name)?.live == Some(run)).then(|| name.clone())
    }

    fn send(&mut self, event: Event) -> Check {
        let actions = self.machine.handle_event(event, self.now);
        self.perform(actions)
    }

    fn time_passes(&mut self) -> Check {
        let actions = self.machine.handle_timeout(self.now);
        self.perform(actions)
    }

    fn perform(&mut self, actions: Vec<Action>) -> Check {
        let was_stopping = self.no_more_starts;
        if self.machine.is_stopping() {
            self.stop_begins();
        }
        for action in actions {
            prop_assert!(!self.finished, "{action:?} after the end");
            match action {
                Action::Start { part, run, attempt } => self.start(part, run, attempt)?,
                Action::Stop { part, run, deadline, reason } => self.stop(part, run, deadline, reason)?,
                Action::Abort { part, run } => {
                    prop_assert!(self.runs[&run].part == part);
                    if let Some(after) = self.runs[&run].behavior.dies {
                        self.due.push(Reverse((self.now + after, Due::Ends(run, 3))));
                    }
                }
                Action::Retry { part, at } => {
                    prop_assert!(at > self.now, "a restart without any delay");
                    prop_assert!(!was_stopping, "{} is to be restarted while stopping", self.machine.name(part));
                }
                Action::Over { part, end } => self.over(part, end)?,
                Action::Finished => self.finished = true,
            }
        }
        Ok(())
    }

    fn start(&mut self, id: PartId, run: u64, attempt: u32) -> Check {
        let name = self.machine.name(id).to_owned();
        prop_assert!(!self.no_more_starts, "{name} starts after a stop");
        let part = &self.parts[&name];
        prop_assert!(part.live.is_none(), "{name} starts beside its last run");
        prop_assert!(part.spec.restartable || part.runs == 0, "{name} can be played only once, and starts again");
        prop_assert_eq!(attempt, part.runs);
        for (on, condition) in &part.after {
            let on = &self.parts[on];
            let holds = match condition {
                Condition::Started => on.live.is_some() && !on.asked || on.completed,
                Condition::Ready => on.ready || on.completed && on.was_ready,
                _ => on.completed,
            };
            prop_assert!(holds, "{name} starts before {} is {condition:?}", on.spec.name);
        }
        let behavior = self.behaviors[usize::try_from(run).unwrap() % self.behaviors.len()].clone();
        let part = self.parts.get_mut(&name).unwrap();
        part.runs += 1;
        part.live = Some(run);
        (part.asked, part.returned) = (false, false);
        part.unresponsive = false;
        part.completed = false;
        if let Some((after, restart)) = behavior.misses {
            self.due.push(Reverse((self.now + after, Due::Misses(run, restart))));
        }
        if let Some((after, lasts)) = behavior.degraded {
            self.due.push(Reverse((self.now + after, Due::Degraded(run, true))));
            self.due.push(Reverse((self.now + after + lasts, Due::Degraded(run, false))));
        }
        if let Some(after) = behavior.ready {
            self.due.push(Reverse((self.now + after, Due::Ready(run))));
        }
        if let Some((after, how)) = behavior.ends {
            let at = self.now + after;
            if behavior.returns {
                self.due.push(Reverse((at, Due::Returns(run))));
            }
            let linger = if behavior.returns { Duration::from_millis(500) } else { Duration::ZERO };
            self.due.push(Reverse((at + linger, Due::Ends(run, how as u8))));
        }
        self.runs.insert(run, Run { name, part: id, behavior, gone: false });
        Ok(())
    }

    fn stop(&mut self, id: PartId, run: u64, deadline: Duration, reason: StopReason) -> Check {
        let name = self.machine.name(id).to_owned();
        prop_assert!(self.parts[&name].live == Some(run), "{name} is asked to stop, but that run is not there");
        prop_assert!(!self.parts[&name].asked, "{name} is asked to stop twice");
        prop_assert!(self.must_end.is_none_or(|end| deadline <= end), "{name} gets more time than there is");
        // Only while stopping in order. Once the time of the whole is up, the rest is stopped at
        // once. A part that is stopped for its own reason does not wait for the others.
        let in_order = reason == StopReason::All
            && !self.aborted
            && self.whole_deadline.is_some_and(|deadline| self.now < deadline);
        if in_order {
            for (dependent, part) in &self.parts {
                let gone = part.live.is_none() || part.end == Some(End::Leaked);
                prop_assert!(gone || !self.depends(dependent, &name), "{name} is stopped before {dependent}");
            }
        }
        let part = self.parts.get_mut(&name).unwrap();
        part.asked = true;
        part.ready = false;
        if let Some((after, how)) = self.runs[&run].behavior.stops {
            self.due.push(Reverse((self.now + after, Due::Ends(run, how as u8))));
        }
        Ok(())
    }

    /// Returns whether a part depends on another, directly or not.
    fn depends(&self, part: &str, on: &str) -> bool {
        let Some(part) = self.parts.get(part) else { return false };
        part.after.iter().any(|(dependency, _)| dependency == on || self.depends(dependency, on))
    }

    fn over(&mut self, id: PartId, end: End) -> Check {
        let name = self.machine.name(id).to_owned();
        let part = self.parts.get_mut(&name).unwrap();
        let leaked = part.end == Some(End::Leaked);
        prop_assert!(part.end.is_none() || leaked, "{name} is over twice: {:?}, {end:?}", part.end);
        prop_assert!(part.live.is_none() || end == End::Leaked, "{name} is over but its run is there");
        let never_ran = part.runs == 0;
        let unresponsive = part.unresponsive && end.is_clean() && end != End::Stopped;
        prop_assert!(!unresponsive, "{name} was unresponsive, but is {end:?}");
        prop_assert!(!never_ran || matches!(end, End::NeverStarted { .. }), "{name} never ran, but is {end:?}");
        part.end = Some(end);
        if let End::NeverStarted { because: Some(on) } = end {
            let PartState::Over(reason) = self.machine.state(on) else {
                return Err(TestCaseError::fail("the reason is not over"));
            };
            let on = self.machine.name(on);
            let part = &self.parts[&name];
            prop_assert!(part.after.iter().any(|(dependency, _)| dependency == on), "{on} is no dependency of {name}");
            prop_assert!(!matches!(reason, End::Stopped), "a part that was stopped is no reason");
        }
        if let Some(at) = self.removing.iter().position(|removed| *removed == name) {
            self.removing.remove(at);
            let part = self.parts.remove(&name).unwrap();
            prop_assert!(part.live.is_none() || end == End::Leaked);
        }
        Ok(())
    }

    fn check_the_end(&self) -> Check {
        for (name, part) in &self.parts {
            let Some(end) = part.end else { return Err(TestCaseError::fail(format!("{name} has no end"))) };
            prop_assert_eq!(self.machine.state(self.machine.find(name).unwrap()), PartState::Over(end));
            prop_assert!(part.live.is_none() || end == End::Leaked, "{} is left but {:?}", name, end);
            if let (Some(limit), 0) = (part.spec.restart.max(), part.spec.after.len())
                && !matches!(end, End::Stopped)
            {
                // Requested restarts and those of a strategy come on top. Without them the limit is
                // exact.
                prop_assert!(part.runs <= 1 + limit.max(5) || self.runs.len() > 6, "{} ran {} times", name, part.runs);
            }
        }
        prop_assert!(self.machine.cause().is_some());
        Ok(())
    }
}

impl Part {
    fn new(after: Vec<(String, Condition)>, spec: PartSpec) -> Self {
        Self {
            spec,
            after,
            live: None,
            asked: false,
            returned: false,
            unresponsive: false,
            ready: false,
            completed: false,
            was_ready: false,
            runs: 0,
            end: None,
        }
    }
}
