//! The state machine that plays a score.

mod action;
mod edit;
mod ending;
mod event;
mod nanos;
mod phase;
mod propagate;
mod query;
mod slot;
mod stopping;
mod timers;

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    time::Duration,
};

pub use self::{
    action::{Action, Cause, End, PartId, PartState, StopReason},
    edit::{AddError, RemoveError},
    event::{Event, RunEnd},
};
use self::{
    phase::Phase,
    slot::{Goal, Slot},
};
use crate::{
    budget::{Budget, SETTLE},
    index::Index,
    moment::Moment,
    score::{Resolved, Score, ScoreError, Strategy, Warning},
};

/// A state machine that plays a score: it takes events and the time, and returns actions.
///
/// # Guarantees
///
/// For any sequence of events:
///
/// - No part starts before its conditions hold, and none starts once a stop has begun.
/// - While stopping, a part is asked to stop only when the parts that depend on it are gone, or
///   when the time of the whole stop is up.
/// - A run begins only when the run before it is gone. A part whose run leaked never runs again.
/// - [`Action::Finished`] comes exactly once, after the last part is over.
///
/// # Not guaranteed
///
/// The machine relies on its driver. The driver reports the end of each run that it started, and
/// calls [`handle_timeout`](Machine::handle_timeout) at the time that
/// [`poll_timeout`](Machine::poll_timeout) returns. Time must not go backwards.
#[derive(Clone, Debug)]
pub struct Machine {
    slots: Vec<Slot>,
    by_name: Index,
    /// Slots of removed parts, to be used again.
    free: Vec<u32>,
    strategy: Strategy,
    stop_timeout: Duration,
    lame_duck: Duration,
    settle: Duration,
    phase: Phase,
    cause: Option<Cause>,
    /// A stop that was decided. It begins once all consequences of the failure are known.
    pending_stop: Option<(Cause, Option<Budget>)>,
    /// Set while all parts are restarted together. None starts before this time, nor before all
    /// runs are gone.
    group_restart: Option<Moment>,
    /// Timers of slots and of the phase. Stale ones are dropped when they are reached.
    timers: BinaryHeap<Reverse<(Moment, u32)>>,
    /// An estimate of the number of stale timers.
    stale: usize,
    rng: fastrand::Rng,
    next_run: u64,
    /// The number of parts that are not over.
    open: usize,
    /// The number of parts of whose run something may be left.
    live: usize,
    /// The number of parts that keep the whole from being ready.
    unready: usize,
    /// Parts to evaluate again, because they or their dependencies have changed.
    dirty: Vec<u32>,
    /// Parts that may start or may be asked to stop, unless the same event leads to a stop of all.
    due: VecDeque<u32>,
    actions: Vec<Action>,
    warnings: Vec<Warning>,
    /// For each part, the time that the parts that stop after it need. Empty while nothing stops,
    /// and where there are no edges.
    reserves: Vec<Duration>,
}

impl Machine {
    /// Creates a machine for `score`, which waits for [`Event::Begin`]. `seed` decides the jitter
    /// of restarts.
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
            cause: None,
            pending_stop: None,
            group_restart: None,
            timers: BinaryHeap::new(),
            stale: 0,
            rng: fastrand::Rng::with_seed(seed),
            next_run: 0,
            open: edges.len(),
            live: 0,
            unready: edges.len(),
            dirty: Vec::new(),
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

    /// Handles an event, and returns the actions to perform, in order.
    pub fn handle_event(&mut self, event: Event, now: Moment) -> Vec<Action> {
        match event {
            Event::Begin => {
                if self.phase == Phase::Idle {
                    self.phase = Phase::Playing;
                    self.mark_all_dirty();
                }
            }
            Event::Ready { part, run } => {
                if let Some(i) = self.current(part, run)
                    && self.slots[i].state == PartState::Starting
                    && self.slots[i].goal == Goal::Play
                {
                    self.change(i, |slot| {
                        slot.enter(PartState::Ready, None, now);
                        slot.was_ready = true;
                        if let Some(restarter) = &mut slot.restarter {
                            restarter.ready_at = Some(now);
                        }
                    });
                }
            }
            Event::Returned { part, run } => {
                if let Some(i) = self.current(part, run)
                    && matches!(self.slots[i].state, PartState::Starting | PartState::Ready)
                {
                    let deadline = self.stop_deadline(i, now);
                    self.change(i, |slot| slot.enter(PartState::Stopping, Some(deadline), now));
                }
            }
            Event::Ended { part, run, how } => {
                if let Some(i) = self.current(part, run) {
                    self.run_ended(i, how, now);
                }
            }
            Event::Unresponsive { part, run, restart } => {
                if let Some(i) = self.current(part, run) {
                    self.unresponsive(i, restart, now);
                }
            }
            Event::Degraded { part, run, degraded } => {
                if let Some(i) = self.current(part, run) {
                    self.change(i, |slot| slot.degraded = degraded);
                }
            }
            Event::StopAll { budget } => self.request_stop(Cause::Requested, budget),
            Event::AbortAll => self.abort_all(now),
            Event::Stop { part } => {
                let i = part.index();
                if self.exists(i) && self.slots[i].goal != Goal::End {
                    self.set_goal(i, Goal::End, StopReason::Requested);
                }
            }
            Event::Restart { part } => self.restart_on_request(part.index(), now),
        }
        self.handle_timeout(now)
    }

    /// Handles the timers that are due, and returns the actions to perform, in order.
    ///
    /// Calling it early is harmless.
    pub fn handle_timeout(&mut self, now: Moment) -> Vec<Action> {
        self.fire_timers(now);
        self.propagate(now);
        std::mem::take(&mut self.actions)
    }

    /// Returns the time of the next [`handle_timeout`](Machine::handle_timeout). `None` while only
    /// events can change anything.
    pub fn poll_timeout(&mut self) -> Option<Moment> {
        if !self.due.is_empty() {
            return Some(Moment::ZERO);
        }
        self.next_timer()
    }
}
