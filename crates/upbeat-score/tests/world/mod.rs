//! A simulated world for the machine: players with random manners, a virtual clock, and a book-keeper who believes nothing that the machine
//! says of itself, only its actions and what the players did.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    time::Duration,
};

use proptest::{prelude::*, test_runner::TestCaseError};
use upbeat_score::{
    Action, Condition, End, Ended, Event, Kind, Machine, PartId, PartSpec, SETTLE, Score, State, StopWhy,
};

/// The manners of one run.
#[derive(Clone, Debug)]
pub(crate) struct Behaviour {
    /// Ready so long after the start.
    pub ready: Option<Duration>,
    /// Ends by itself so long after the start.
    pub ends: Option<(Duration, Ended)>,
    /// Ends so long after it was asked to stop.
    pub stops: Option<(Duration, Ended)>,
    /// Is gone so long after it was aborted; never, if `None`.
    pub dies: Option<Duration>,
    /// Whether it announces its own end, and then needs half a second more.
    pub leaves: bool,
    /// Gives no sign of life from so long after the start; whether it is to be restarted for that.
    pub misses: Option<(Duration, bool)>,
    /// Is doubted so long after the start, and for so long.
    pub doubted: Option<(Duration, Duration)>,
}

/// What somebody asks for from outside.
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
    Leaves(u64),
    Misses(u64, bool),
    Doubted(u64, bool),
    Ends(u64, u8),
    Command(usize),
}

const HOW: [Ended; 4] = [Ended::Ok, Ended::Failed, Ended::RestartRequested, Ended::Aborted];

#[derive(Clone, Debug)]
struct Part {
    spec: PartSpec,
    after: Vec<(String, Condition)>,
    live: Option<u64>,
    told: bool,
    /// Its current run has announced its own end.
    leaving: bool,
    /// Its current or last run has been reported as unresponsive.
    condemned: bool,
    ready: bool,
    completed: bool,
    was_ready: bool,
    runs: u32,
    end: Option<End>,
}

struct Run {
    name: String,
    part: PartId,
    manners: Behaviour,
    gone: bool,
}

pub(crate) struct World {
    machine: Machine,
    score: Score,
    behaviours: Vec<Behaviour>,
    now: Duration,
    due: BinaryHeap<Reverse<(Duration, Due)>>,
    runs: BTreeMap<u64, Run>,
    parts: BTreeMap<String, Part>,
    removing: Vec<String>,
    /// When everything has to be over, once a stop was asked for.
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

impl World {
    pub(crate) fn new(score: &Score, behaviours: Vec<Behaviour>, seed: u64) -> Self {
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
            behaviours,
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

    /// Plays to the end, and returns how often each part ran.
    pub(crate) fn play(mut self, commands: &[(Duration, Command)]) -> Result<Vec<u32>, TestCaseError> {
        let asked: Vec<Command> = commands.iter().map(|(_, command)| *command).collect();
        for (i, (at, _)) in commands.iter().enumerate() {
            self.due.push(Reverse((*at, Due::Command(i))));
        }
        // In the end somebody always asks for a stop: a score of services would play for ever.
        self.due.push(Reverse((Duration::from_mins(10), Due::Command(asked.len()))));

        self.tell(Event::Begin)?;
        let mut steps = 0;
        while !self.finished {
            steps += 1;
            prop_assert!(steps < 200_000, "the script does not come to an end");
            let next = self.due.peek().map(|Reverse((at, _))| *at);
            let wakeup = self.machine.next_wakeup();
            let at = [next, wakeup].into_iter().flatten().min();
            let Some(at) = at else { return Err(TestCaseError::fail("nothing is due, and it is not finished")) };
            prop_assert!(self.must_end.is_none_or(|end| at <= end), "still not over at {at:?}, {:?}", self.must_end);
            self.now = self.now.max(at);
            if next == Some(at) {
                let Some(Reverse((_, due))) = self.due.pop() else { unreachable!() };
                self.happen(due, &asked)?;
            } else {
                self.tell(Event::Tick)?;
            }
        }
        self.check_the_end()?;
        Ok(self.parts.values().map(|part| part.runs).collect())
    }

    fn happen(&mut self, due: Due, asked: &[Command]) -> Check {
        match due {
            Due::Command(i) => self.command(asked.get(i).copied().unwrap_or(Command::StopAll)),
            Due::Ready(run) => {
                let Some(name) = self.live(run) else { return Ok(()) };
                let part = self.parts.get_mut(&name).unwrap();
                if !part.told {
                    part.ready = true;
                    part.was_ready = true;
                }
                self.tell(Event::Ready { part: self.runs[&run].part, run })
            }
            Due::Leaves(run) => {
                let Some(name) = self.live(run) else { return Ok(()) };
                let part = self.parts.get_mut(&name).unwrap();
                (part.ready, part.leaving) = (false, true);
                self.tell(Event::Leaving { part: self.runs[&run].part, run })
            }
            Due::Misses(run, restart) => {
                let Some(name) = self.live(run) else { return Ok(()) };
                let part = &self.parts[&name];
                if part.told || part.leaving || part.end.is_some() || self.no_more_starts {
                    return self.tell(Event::Unresponsive { part: self.runs[&run].part, run, restart });
                }
                self.parts.get_mut(&name).unwrap().condemned = true;
                self.tell(Event::Unresponsive { part: self.runs[&run].part, run, restart })?;
                let told = self.parts.get(&name).is_none_or(|part| part.told);
                // With a strategy those that depend on it are restarted too, and stop before it.
                let mut others =
                    self.parts.iter().filter(|(_, part)| part.live.is_some() && (part.told || part.leaving));
                let waits = others.any(|(other, _)| self.depends(other, &name));
                prop_assert!(told || waits || self.no_more_starts, "{name} gives no sign of life and is not stopped");
                Ok(())
            }
            Due::Doubted(run, doubted) => {
                let Some(name) = self.live(run) else { return Ok(()) };
                let part = self.runs[&run].part;
                self.tell(Event::Doubt { part, run, doubted })?;
                let is_ready = self.machine.state(part) == State::Ready;
                prop_assert_eq!(self.machine.doubted(part), doubted && is_ready, "{}", name);
                prop_assert!(
                    !(doubted && is_ready && self.machine.all_ready()),
                    "all are ready, but {name} is doubted"
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
                    part.completed = HOW[how as usize] == Ended::Ok && job && !part.told;
                    part.live = None;
                    part.ready = false;
                }
                self.tell(Event::Ended { part: id, run, how: HOW[how as usize] })
            }
        }
    }

    fn command(&mut self, command: Command) -> Check {
        let part = |i: usize| self.machine.find(&format!("p{i}"));
        match command {
            Command::StopAll => {
                self.stop_begins();
                self.tell(Event::StopAll { budget: None })
            }
            Command::AbortAll => {
                self.no_more_starts = true;
                self.aborted = true;
                self.must_end = Some(self.now + SETTLE);
                self.tell(Event::AbortAll)
            }
            Command::Stop(i) => part(i).map_or(Ok(()), |part| self.tell(Event::Stop { part })),
            Command::Restart(i) => {
                let Some(part) = part(i) else { return Ok(()) };
                let name = format!("p{i}");
                if !self.no_more_starts && self.machine.state(part) != State::Over(End::Leaked) {
                    let part = self.parts.get_mut(&name).unwrap();
                    part.end = None;
                    part.completed = false;
                }
                self.tell(Event::Restart { part })
            }
            Command::Remove(i) => {
                let Some(id) = part(i) else { return Ok(()) };
                let was_over = matches!(self.machine.state(id), State::Over(_));
                let Ok(actions) = self.machine.remove(id, self.now) else { return Ok(()) };
                if was_over {
                    self.parts.remove(&format!("p{i}"));
                } else {
                    self.removing.push(format!("p{i}"));
                }
                self.obey(actions)
            }
            Command::Add(i) => {
                let spec = PartSpec::new(format!("p{i}"));
                let Ok((_, actions)) = self.machine.add(&spec, self.now) else { return Ok(()) };
                prop_assert!(!self.no_more_starts, "a part was added while stopping");
                let first = self.parts.values().find(|part| part.spec.first_and_last);
                let condition = |kind| if kind == Kind::Job { Condition::Finished } else { Condition::Ready };
                let after = first.map(|first| (first.spec.name.to_string(), condition(first.spec.kind)));
                self.parts.insert(format!("p{i}"), Part::new(after.into_iter().collect(), spec));
                self.obey(actions)
            }
        }
    }

    fn stop_begins(&mut self) {
        self.no_more_starts = true;
        let deadline = self.now + self.score.stop_timeout;
        self.whole_deadline = self.whole_deadline.or(Some(deadline));
        self.must_end = self.must_end.or(Some(deadline + SETTLE));
    }

    /// The part whose run this is, if it is still there.
    fn live(&self, run: u64) -> Option<String> {
        let name = &self.runs[&run].name;
        (!self.runs[&run].gone && self.parts.get(name)?.live == Some(run)).then(|| name.clone())
    }

    fn tell(&mut self, event: Event) -> Check {
        let actions = self.machine.on(event, self.now);
        self.obey(actions)
    }

    fn obey(&mut self, actions: Vec<Action>) -> Check {
        let was_stopping = self.no_more_starts;
        if self.machine.is_stopping() {
            self.stop_begins();
        }
        for action in actions {
            prop_assert!(!self.finished, "{action:?} after the end");
            match action {
                Action::Start { part, run, attempt } => self.start(part, run, attempt)?,
                Action::Stop { part, run, deadline, why } => self.stop(part, run, deadline, why)?,
                Action::Abort { part, run } => {
                    prop_assert!(self.runs[&run].part == part);
                    if let Some(after) = self.runs[&run].manners.dies {
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
        prop_assert_eq!(attempt, part.runs);
        for (on, condition) in &part.after {
            let on = &self.parts[on];
            let holds = match condition {
                Condition::Started => on.live.is_some() && !on.told || on.completed,
                Condition::Ready => on.ready || on.completed && on.was_ready,
                Condition::Finished => on.completed,
            };
            prop_assert!(holds, "{name} starts before {} is {condition:?}", on.spec.name);
        }
        let manners = self.behaviours[usize::try_from(run).unwrap() % self.behaviours.len()].clone();
        let part = self.parts.get_mut(&name).unwrap();
        part.runs += 1;
        part.live = Some(run);
        (part.told, part.leaving) = (false, false);
        part.condemned = false;
        part.completed = false;
        if let Some((after, restart)) = manners.misses {
            self.due.push(Reverse((self.now + after, Due::Misses(run, restart))));
        }
        if let Some((after, lasts)) = manners.doubted {
            self.due.push(Reverse((self.now + after, Due::Doubted(run, true))));
            self.due.push(Reverse((self.now + after + lasts, Due::Doubted(run, false))));
        }
        if let Some(after) = manners.ready {
            self.due.push(Reverse((self.now + after, Due::Ready(run))));
        }
        if let Some((after, how)) = manners.ends {
            let at = self.now + after;
            if manners.leaves {
                self.due.push(Reverse((at, Due::Leaves(run))));
            }
            let linger = if manners.leaves { Duration::from_millis(500) } else { Duration::ZERO };
            self.due.push(Reverse((at + linger, Due::Ends(run, how as u8))));
        }
        self.runs.insert(run, Run { name, part: id, manners, gone: false });
        Ok(())
    }

    fn stop(&mut self, id: PartId, run: u64, deadline: Duration, why: StopWhy) -> Check {
        let name = self.machine.name(id).to_owned();
        prop_assert!(self.parts[&name].live == Some(run), "{name} is stopped, but that run is not there");
        prop_assert!(!self.parts[&name].told, "{name} is told twice");
        prop_assert!(self.must_end.is_none_or(|end| deadline <= end), "{name} gets more time than there is");
        // Only while stopping in order: once the time for the whole is up, everything left is stopped at once. One that is
        // stopped for a reason of its own does not wait for the others.
        let in_order =
            why == StopWhy::All && !self.aborted && self.whole_deadline.is_some_and(|deadline| self.now < deadline);
        if in_order {
            for (dependent, part) in &self.parts {
                let gone = part.live.is_none() || part.end == Some(End::Leaked);
                prop_assert!(gone || !self.depends(dependent, &name), "{name} is stopped before {dependent}");
            }
        }
        let part = self.parts.get_mut(&name).unwrap();
        part.told = true;
        part.ready = false;
        if let Some((after, how)) = self.runs[&run].manners.stops {
            self.due.push(Reverse((self.now + after, Due::Ends(run, how as u8))));
        }
        Ok(())
    }

    /// Whether a part depends on another, directly or not.
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
        let condemned = part.condemned && end.is_clean() && end != End::Stopped;
        prop_assert!(!condemned, "{name} gave no sign of life, but is {end:?}");
        prop_assert!(!never_ran || matches!(end, End::NeverStarted { .. }), "{name} never ran, but is {end:?}");
        part.end = Some(end);
        if let End::NeverStarted { because: Some(on) } = end {
            let State::Over(reason) = self.machine.state(on) else {
                return Err(TestCaseError::fail("because of what?"));
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
            prop_assert_eq!(self.machine.state(self.machine.find(name).unwrap()), State::Over(end));
            prop_assert!(part.live.is_none() || end == End::Leaked, "{} is left but {:?}", name, end);
            if let (Some(limit), 0) = (part.spec.restart.limit(), part.spec.after.len())
                && !matches!(end, End::Stopped)
            {
                // Restarts by hand and by a strategy come on top; without them the limit is exact.
                prop_assert!(part.runs <= 1 + limit.max(5) || self.runs.len() > 6, "{} ran {} times", name, part.runs);
            }
        }
        prop_assert!(self.machine.why().is_some());
        Ok(())
    }
}

impl Part {
    fn new(after: Vec<(String, Condition)>, spec: PartSpec) -> Self {
        Self {
            spec,
            after,
            live: None,
            told: false,
            leaving: false,
            condemned: false,
            ready: false,
            completed: false,
            was_ready: false,
            runs: 0,
            end: None,
        }
    }
}
