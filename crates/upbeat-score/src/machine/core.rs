//! The machine: its public face, the one place where a part changes, and what follows from a change.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    time::Duration,
};

use super::{
    slot::{Goal, Slot, id},
    stopping::Phase,
    types::{Action, AddError, End, Event, Moment, PartId, RemoveError, State, StopWhy, Why},
};
use crate::{
    Budget, Condition, Fault, OnFailure, PartSpec, Readiness, SETTLE, Score, ScoreError, Strategy, Warning,
    check::{self, Resolved},
    index::Index,
};

const CONDITIONS: [Condition; 3] = [Condition::Started, Condition::Ready, Condition::Finished];

/// How many parts are started or told to stop at once. Many more would keep the driver from hearing what came of them.
const STEP: usize = 1024;

/// The timer that belongs to no part: the end of the lame duck period, of the whole stop, or of a common restart's delay.
const COMMON: u32 = u32::MAX;

/// Plays a score: takes events and the time, returns what to do.
///
/// Guarantees, for any sequence of events: no part starts before its conditions hold, nothing starts once a stop has begun, a part is
/// asked to stop only when those that depend on it and stop too are gone (or the time for the whole is up), a run begins
/// only when the one before is gone or given up on never, and [`Action::Finished`] comes once, after the last part is over.
///
/// It relies on the driver to report the end of each run that it started, and to send [`Event::Tick`] when
/// [`next_wakeup`](Machine::next_wakeup) says so. Time must not go backwards.
#[derive(Clone, Debug)]
pub struct Machine {
    pub(super) slots: Vec<Slot>,
    by_name: Index,
    free: Vec<u32>,
    pub(super) strategy: Strategy,
    pub(super) stop_timeout: Duration,
    pub(super) lame_duck: Duration,
    pub(super) settle: Duration,
    pub(super) phase: Phase,
    pub(super) why: Option<Why>,
    /// A stop that was decided and begins once all consequences of the failure are known.
    pub(super) pending: Option<(Why, Option<Budget>)>,
    /// All parts are restarted together: none starts before this time, nor before all are gone.
    pub(super) together: Option<Moment>,
    /// Also has those of states that have passed.
    timers: BinaryHeap<Reverse<(Moment, u32)>>,
    /// About how many of `timers` are of states that have passed.
    stale: usize,
    pub(super) rng: fastrand::Rng,
    next_run: u64,
    /// How many parts are not over.
    open: usize,
    /// How many parts may have something of a run left.
    live: usize,
    /// How many parts are not as far as they have to be for the whole to be ready.
    unready: usize,
    /// Parts to look at again, because something that they depend on has changed.
    work: Vec<u32>,
    /// Parts that may be started or told to stop, once it is clear that no stop of everything follows from the same event.
    due: VecDeque<u32>,
    pub(super) actions: Vec<Action>,
    warnings: Vec<Warning>,
    /// For each part, how long those that stop after it need. Empty while nothing stops, or nothing depends on anything.
    pub(super) reserves: Vec<Duration>,
}

impl Machine {
    /// A machine for `score`, not yet begun. `seed` decides the jitter of restarts.
    ///
    /// # Errors
    ///
    /// As [`Score::check`].
    pub fn new(score: &Score, seed: u64) -> Result<Self, ScoreError> {
        let resolved = score.resolve()?;
        let warnings = score.warnings(&score.longest_stop(&resolved));
        let Resolved { edges, index, .. } = resolved;
        let mut machine = Self {
            slots: Vec::with_capacity(edges.len()),
            by_name: index,
            free: Vec::new(),
            strategy: score.strategy,
            stop_timeout: score.stop_timeout,
            lame_duck: score.lame_duck,
            settle: SETTLE,
            phase: Phase::Idle,
            why: None,
            pending: None,
            together: None,
            timers: BinaryHeap::new(),
            stale: 0,
            rng: fastrand::Rng::with_seed(seed),
            next_run: 0,
            open: edges.len(),
            live: 0,
            unready: edges.len(),
            work: Vec::new(),
            due: VecDeque::new(),
            actions: Vec::new(),
            warnings,
            reserves: Vec::new(),
        };
        for (spec, after) in score.parts.iter().zip(edges) {
            machine.slots.push(Slot::new(spec, after.into(), Duration::ZERO));
        }
        for i in 0..machine.slots.len() {
            machine.connect(i);
        }
        Ok(machine)
    }

    /// Enters part `i` with those it depends on, and counts which of its conditions do not hold.
    fn connect(&mut self, i: usize) {
        let after = std::mem::take(&mut self.slots[i].after);
        let mut unmet = 0;
        for &(to, condition) in &after {
            let dependency = &mut self.slots[to as usize];
            dependency.dependents.push((id(i).0, condition));
            unmet += u32::from(!dependency.holds(condition));
        }
        self.slots[i].unmet = unmet;
        self.slots[i].after = after;
    }

    /// Takes an event, and returns what to do about it, in order.
    pub fn on(&mut self, event: Event, now: Moment) -> Vec<Action> {
        match event {
            Event::Begin => {
                if self.phase == Phase::Idle {
                    self.phase = Phase::Playing;
                    self.look_at_all();
                }
            }
            Event::Ready { part, run } => {
                if let Some(i) = self.current(part, run)
                    && self.slots[i].state == State::Starting
                    && self.slots[i].goal == Goal::Play
                {
                    self.change(i, |slot| {
                        slot.enter(State::Ready, None, now);
                        slot.was_ready = true;
                        if let Some(restarter) = &mut slot.restarter {
                            restarter.ready_at = Some(now);
                        }
                    });
                }
            }
            Event::Leaving { part, run } => {
                if let Some(i) = self.current(part, run)
                    && matches!(self.slots[i].state, State::Starting | State::Ready)
                {
                    let deadline = self.stop_deadline(i, now);
                    self.change(i, |slot| slot.enter(State::Stopping, Some(deadline), now));
                }
            }
            Event::Ended { part, run, how } => {
                if let Some(i) = self.current(part, run) {
                    self.gone(i, how, now);
                }
            }
            Event::Unresponsive { part, run, restart } => {
                if let Some(i) = self.current(part, run) {
                    self.unresponsive(i, restart, now);
                }
            }
            Event::Doubt { part, run, doubted } => {
                if let Some(i) = self.current(part, run) {
                    self.change(i, |slot| slot.doubted = doubted);
                }
            }
            Event::StopAll { budget } => self.request_stop(Why::Asked, budget),
            Event::AbortAll => self.abort_all(now),
            Event::Stop { part } => {
                let i = part.index();
                if self.exists(i) && self.slots[i].goal != Goal::End {
                    self.aim(i, Goal::End, StopWhy::Asked);
                }
            }
            Event::Restart { part } => self.restart_by_hand(part.index(), now),
            Event::Tick => {}
        }
        self.fire_timers(now);
        self.follow_up(now);
        std::mem::take(&mut self.actions)
    }

    /// When [`Event::Tick`] is due at the latest; `None` while only events can change anything.
    pub fn next_wakeup(&mut self) -> Option<Moment> {
        if !self.due.is_empty() {
            return Some(Moment::ZERO);
        }
        self.next_timer()
    }

    fn next_timer(&mut self) -> Option<Moment> {
        // Most parts are ready long before their timer: so that those timers do not pile up, they are cleared out now and then.
        if self.stale > 64 && self.stale > self.timers.len() / 2 {
            let mut timers = std::mem::take(&mut self.timers);
            timers.retain(|Reverse((at, i))| self.is_set(*at, *i));
            timers.shrink_to(1024);
            self.timers = timers;
            self.stale = 0;
        }
        while let Some(&Reverse((at, i))) = self.timers.peek() {
            if self.is_set(at, i) {
                return Some(at);
            }
            self.timers.pop();
        }
        None
    }

    /// Adds a part while playing; it starts as soon as its conditions hold.
    ///
    /// # Errors
    ///
    /// When a stop has begun, or the part has faults.
    pub fn add(&mut self, spec: &PartSpec, now: Moment) -> Result<(PartId, Vec<Action>), AddError> {
        let name = spec.name.clone();
        if !matches!(self.phase, Phase::Idle | Phase::Playing) || self.pending.is_some() {
            return Err(AddError::Stopping { name });
        }
        let mut faults = Vec::new();
        check::own_faults(spec, &mut faults);
        if self.find(&name).is_some() {
            faults.push(Fault::Duplicate { name: name.clone() });
        }
        let lookup = |name: &str| self.find(name).map(|part| (part.0, self.slots[part.index()].kind));
        let mut after = check::resolve_part(spec, lookup, &mut faults);
        if !faults.is_empty() {
            return Err(AddError::Faults { name, faults });
        }
        if !spec.first_and_last {
            for (i, slot) in self.slots.iter().enumerate() {
                let i = id(i).0;
                if slot.first_and_last && !slot.is_removed() && after.iter().all(|(to, _)| *to != i) {
                    after.push((i, check::default_condition(slot.kind)));
                }
            }
        }
        let slot = Slot::new(spec, after.into(), now);
        let i = self.free.pop().map_or(self.slots.len(), |i| i as usize);
        if i == self.slots.len() {
            self.slots.push(slot);
        } else {
            self.slots[i] = slot;
        }
        self.by_name.insert(id(i).0, |i| &self.slots[i as usize].name);
        self.open += 1;
        self.unready += 1;
        self.connect(i);
        if self.phase == Phase::Playing {
            self.work.push(id(i).0);
        }
        self.follow_up(now);
        Ok((id(i), std::mem::take(&mut self.actions)))
    }

    /// Stops a part and forgets it: once it is [`State::Over`], which it may be at once, its name and id can be used again.
    ///
    /// # Errors
    ///
    /// When other parts depend on it.
    pub fn remove(&mut self, part: PartId, now: Moment) -> Result<Vec<Action>, RemoveError> {
        let i = part.index();
        let needed_by: Vec<_> =
            self.slots[i].dependents.iter().map(|(to, _)| self.slots[*to as usize].name.clone()).collect();
        if !needed_by.is_empty() {
            return Err(RemoveError { needed_by });
        }
        self.slots[i].removing = true;
        if self.slots[i].is_over() {
            self.forget(i);
        } else {
            self.aim(i, Goal::End, StopWhy::Asked);
        }
        self.follow_up(now);
        Ok(std::mem::take(&mut self.actions))
    }

    /// What is allowed in the score but hardly intended, as [`Plan::warnings`](crate::Plan::warnings).
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The part of that name.
    pub fn find(&self, name: &str) -> Option<PartId> {
        self.by_name.find(name, |i| &self.slots[i as usize].name).map(PartId)
    }

    /// All parts that are not removed.
    pub fn parts(&self) -> impl Iterator<Item = PartId> + '_ {
        self.slots.iter().enumerate().filter(|(_, slot)| !slot.is_removed()).map(|(i, _)| id(i))
    }

    /// A part's name.
    pub fn name(&self, part: PartId) -> &str {
        &self.slots[part.index()].name
    }

    /// When a run of a part counts as ready.
    pub fn readiness(&self, part: PartId) -> Readiness {
        self.slots[part.index()].readiness
    }

    /// What a part's final failure means for the others.
    pub fn on_failure(&self, part: PartId) -> OnFailure {
        self.slots[part.index()].on_failure
    }

    /// What a part is doing.
    pub fn state(&self, part: PartId) -> State {
        self.slots[part.index()].state
    }

    /// Since when a part has been doing what it is doing.
    pub fn since(&self, part: PartId) -> Moment {
        self.slots[part.index()].since()
    }

    /// How many runs of a part have been started.
    pub fn runs(&self, part: PartId) -> u32 {
        self.slots[part.index()].runs
    }

    /// Whether a run of the part has been ready at some time.
    pub fn was_ready(&self, part: PartId) -> bool {
        self.slots[part.index()].was_ready
    }

    /// Whether the part's last run did not stop in time and was aborted, whatever else is said of its end.
    pub fn overran(&self, part: PartId) -> bool {
        self.slots[part.index()].aborted == Some(End::Overran)
    }

    /// Whether the part's current run is ready but [doubted](Event::Doubt).
    pub fn doubted(&self, part: PartId) -> bool {
        let slot = &self.slots[part.index()];
        slot.doubted && slot.state == State::Ready
    }

    /// What a part that is not ready waits for: the first of its conditions that does not hold.
    pub fn waits_for(&self, part: PartId) -> Option<PartId> {
        let slot = &self.slots[part.index()];
        if slot.state != State::Waiting {
            return None;
        }
        let unmet = slot.after.iter().find(|(to, condition)| !self.slots[*to as usize].holds(*condition));
        unmet.map(|(to, _)| PartId(*to))
    }

    /// Whether all parts are ready; jobs that are done, and parts whose failure is ignored and has happened, count as ready.
    pub fn all_ready(&self) -> bool {
        self.unready == 0 && self.phase == Phase::Playing
    }

    /// Whether a stop has begun, lame duck included.
    pub fn is_stopping(&self) -> bool {
        !matches!(self.phase, Phase::Idle | Phase::Playing)
    }

    /// Whether all is over.
    pub fn is_finished(&self) -> bool {
        self.phase == Phase::Finished
    }

    /// Why everything stopped; `None` before that.
    pub fn why(&self) -> Option<Why> {
        self.why
    }

    /// Whether part `i` was not removed.
    fn exists(&self, i: usize) -> bool {
        self.slots.get(i).is_some_and(|slot| !slot.is_removed())
    }

    /// The part's index, if `run` is its current run and it was not removed.
    fn current(&self, part: PartId, run: u64) -> Option<usize> {
        let i = part.index();
        (self.exists(i) && self.slots[i].run == run && self.slots[i].runs > 0).then_some(i)
    }

    /// The one place where a part changes: keeps all counters that depend on it, and notes who has to be looked at again.
    pub(super) fn change(&mut self, i: usize, change: impl FnOnce(&mut Slot)) {
        let slot = &mut self.slots[i];
        let (timer, live, over) = (slot.timer(), slot.state.is_live(), slot.is_over());
        let ready = slot.is_as_ready_as_it_gets();
        let held = CONDITIONS.map(|condition| slot.holds(condition));
        change(slot);
        let holds = CONDITIONS.map(|condition| slot.holds(condition));
        let is_over = slot.is_over();
        self.live = self.live + usize::from(slot.state.is_live()) - usize::from(live);
        self.open = self.open + usize::from(over) - usize::from(is_over);
        self.unready = self.unready + usize::from(ready) - usize::from(slot.is_as_ready_as_it_gets());
        if slot.timer() != timer {
            self.stale += usize::from(timer.is_some());
            if let Some(at) = slot.timer() {
                self.timers.push(Reverse((at, id(i).0)));
            }
        }
        self.work.push(id(i).0);

        self.count_blocking(i);
        if held != holds || over != is_over {
            let dependents = std::mem::take(&mut self.slots[i].dependents);
            for &(to, condition) in &dependents {
                let unmet = &mut self.slots[to as usize].unmet;
                *unmet = *unmet + u32::from(held[condition as usize]) - u32::from(holds[condition as usize]);
                self.work.push(to);
            }
            self.slots[i].dependents = dependents;
        }
    }

    /// Keeps the count of blockers of those that part `i` depends on, and of those that these depend on where they are not there themselves.
    fn count_blocking(&mut self, i: usize) {
        if self.slots[i].blocking == self.slots[i].is_blocking() {
            return;
        }
        let mut open = vec![i];
        while let Some(i) = open.pop() {
            let is_blocking = self.slots[i].is_blocking();
            if std::mem::replace(&mut self.slots[i].blocking, is_blocking) == is_blocking {
                continue;
            }
            let after = std::mem::take(&mut self.slots[i].after);
            for &(to, _) in &after {
                let dependency = &mut self.slots[to as usize];
                dependency.blockers = dependency.blockers + u32::from(is_blocking) - u32::from(!is_blocking);
                if dependency.blockers == 0 {
                    self.work.push(to);
                }
                open.push(to as usize);
            }
            self.slots[i].after = after;
        }
    }

    /// Sets what part `i` is to come to, and what to tell it.
    pub(super) fn aim(&mut self, i: usize, goal: Goal, why: StopWhy) {
        self.change(i, |slot| {
            slot.goal = goal;
            slot.why = why;
        });
    }

    pub(super) fn look_at_all(&mut self) {
        // Last first, because the list is worked off from its end: parts start in the order they were declared.
        self.work.extend((0..id(self.slots.len()).0).rev());
    }

    /// Works off everything that follows from what has changed.
    fn follow_up(&mut self, now: Moment) {
        let mut steps = 0;
        loop {
            if let Some(i) = self.work.pop() {
                self.advance(i as usize, now);
            } else if let Some((why, budget)) = self.pending.take() {
                self.begin_stop(why, budget, now);
            } else if self.live == 0 && self.together.is_some_and(|at| at <= now) {
                self.together = None;
                self.look_at_all();
            } else if steps < STEP
                && let Some(i) = self.due.pop_front()
            {
                steps += 1;
                let i = i as usize;
                if self.may_start(i) {
                    self.start(i, now);
                } else if self.may_stop(i) {
                    self.tell(i, now);
                }
            } else {
                break;
            }
        }
        if self.open == 0 && !matches!(self.phase, Phase::Idle | Phase::Finished) {
            self.why.get_or_insert(Why::AllDone);
            self.phase = Phase::Finished;
            self.actions.push(Action::Finished);
        }
    }

    /// Works out what part `i` is due for, if anything.
    fn advance(&mut self, i: usize, now: Moment) {
        let slot = &self.slots[i];
        match slot.state {
            State::Waiting | State::Backoff if slot.goal == Goal::End => {
                let end = match (self.broken_dependency(i), slot.runs) {
                    (because @ Some(_), _) | (because, 0) => End::NeverStarted { because },
                    _ => End::Stopped,
                };
                self.over(i, end, now);
            }
            State::Waiting if self.may_start(i) => self.due.push_back(id(i).0),
            State::Waiting if self.phase == Phase::Playing && slot.unmet > 0 => {
                if let Some(dependency) = self.broken_dependency(i) {
                    self.fail_for_good(i, now);
                    self.over(i, End::NeverStarted { because: Some(dependency) }, now);
                }
            }
            _ if self.may_stop(i) => self.due.push_back(id(i).0),
            _ => {}
        }
    }

    fn may_start(&self, i: usize) -> bool {
        let slot = &self.slots[i];
        let open = self.phase == Phase::Playing && self.pending.is_none() && self.together.is_none();
        open && slot.state == State::Waiting && slot.unmet == 0 && slot.blockers == 0
    }

    fn may_stop(&self, i: usize) -> bool {
        let slot = &self.slots[i];
        matches!(slot.state, State::Starting | State::Ready) && slot.goal != Goal::Play && slot.blockers == 0
    }

    /// The first of the parts that part `i` waits for that has ended badly, or otherwise than it would have to.
    fn broken_dependency(&self, i: usize) -> Option<PartId> {
        let playing = self.phase == Phase::Playing;
        let broken = self.slots[i].after.iter().find(|(to, condition)| {
            let dependency = &self.slots[*to as usize];
            // During a stop a dependency that ended cleanly was simply stopped too.
            dependency.never_holds(*condition) && (playing || dependency.ended_badly())
        });
        broken.map(|(to, _)| PartId(*to))
    }

    fn start(&mut self, i: usize, now: Moment) {
        self.next_run += 1;
        let run = self.next_run;
        let mut attempt = 0;
        self.change(i, |slot| {
            slot.enter(State::Starting, now.checked_add(slot.ready_timeout()), now);
            attempt = slot.runs;
            slot.run = run;
            slot.runs += 1;
            if let Some(restarter) = &mut slot.restarter {
                restarter.ready_at = None;
            }
            slot.verdict = None;
            slot.doubted = false;
            slot.aborted = None;
        });
        self.actions.push(Action::Start { part: id(i), run, attempt });
    }

    /// Asks the run of part `i` to stop.
    pub(super) fn tell(&mut self, i: usize, now: Moment) {
        let deadline = self.stop_deadline(i, now);
        // The timer of the whole does for the many that have no budget of their own.
        let timer = (self.phase.timer() != Some(deadline)).then_some(deadline);
        self.change(i, |slot| slot.enter(State::Stopping, timer, now));
        let slot = &self.slots[i];
        self.actions.push(Action::Stop { part: id(i), run: slot.run, deadline, why: slot.why });
    }

    /// Sets the timer that belongs to no part.
    pub(super) fn wake_at(&mut self, at: Moment) {
        self.timers.push(Reverse((at, COMMON)));
    }

    fn is_set(&self, at: Moment, i: u32) -> bool {
        match self.slots.get(i as usize) {
            Some(slot) => slot.timer() == Some(at),
            None => self.together == Some(at) || self.phase.timer() == Some(at),
        }
    }

    fn fire_timers(&mut self, now: Moment) {
        while let Some(at) = self.next_timer()
            && at <= now
        {
            let Some(Reverse((_, i))) = self.timers.pop() else { break };
            if i == COMMON {
                self.common_timer(now);
                continue;
            }
            let i = i as usize;
            match self.slots[i].state {
                State::Starting => self.not_ready_in_time(i, now),
                State::Stopping => self.abort(i, End::Overran, now),
                State::Aborting => self.leak(i, now),
                State::Backoff => self.change(i, |slot| slot.enter(State::Waiting, None, now)),
                State::Waiting | State::Ready | State::Over(_) => self.slots[i].clear_timer(),
            }
        }
    }

    /// Forgets a part that is over.
    pub(super) fn forget(&mut self, i: usize) {
        self.unready -= usize::from(!self.slots[i].is_as_ready_as_it_gets());
        let after = std::mem::take(&mut self.slots[i].after);
        for (to, _) in after {
            self.slots[to as usize].dependents.retain(|(dependent, _)| *dependent as usize != i);
        }
        self.by_name.remove(id(i).0, &self.slots[i].name);
        self.free.push(id(i).0);
    }
}
