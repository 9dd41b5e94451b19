//! Parts that are added and removed while the machine plays.

use std::{fmt, sync::Arc};

use super::{
    Machine,
    action::{Action, PartId, StopReason},
    phase::Phase,
    slot::{Goal, Slot, id},
};
use crate::{
    moment::Moment,
    score::{
        Edge, Fault, PartSpec, Parts, default_condition, is_restarted_with, own_faults, resolve_part, restarted_with,
    },
};

impl Machine {
    /// Adds a part. It starts as soon as its conditions hold.
    ///
    /// # Errors
    ///
    /// If a stop has begun, or if the part has faults.
    pub fn add(&mut self, spec: &PartSpec, now: Moment) -> Result<(PartId, Vec<Action>), AddError> {
        let name = spec.name.clone();
        if !matches!(self.phase, Phase::Idle | Phase::Playing) || self.pending_stop.is_some() {
            return Err(AddError::Stopping { name });
        }
        let mut faults = Vec::new();
        own_faults(spec, &mut faults);
        if self.find(&name).is_some() {
            faults.push(Fault::DuplicateName { name: name.clone() });
        }
        let lookup = |name: &str| self.find(name).map(|part| (part.0, self.slots[part.index()].kind));
        let mut after = resolve_part(spec, lookup, &mut faults);
        if !spec.first_and_last {
            for (i, slot) in self.slots.iter().enumerate() {
                let i = id(i).0;
                if slot.first_and_last && !slot.is_removed() && after.iter().all(|(to, _)| *to != i) {
                    after.push((i, default_condition(slot.kind)));
                }
            }
        }
        self.restarts_together(spec, &after, &mut faults);
        if !faults.is_empty() {
            return Err(AddError::Faults { name, faults });
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
            self.dirty.push(id(i).0);
        }
        self.propagate(now);
        Ok((id(i), std::mem::take(&mut self.actions)))
    }

    /// Adds a fault if the new part, or one that plays, would be restarted together with the other
    /// although it can be played only once.
    fn restarts_together(&self, spec: &PartSpec, after: &[Edge], faults: &mut Vec<Fault>) {
        let parts = WithNew { machine: self, spec, after };
        let new = id(self.slots.len()).0;
        let mut pairs = Vec::new();
        if !spec.restartable {
            pairs.extend(restarted_with(self.strategy, new, &parts).map(|other| (new, other)));
        }
        if spec.declares_restarts() {
            let once = parts.all().filter(|&i| i != new && !self.slots[i as usize].restartable);
            let once = once.filter(|&i| is_restarted_with(self.strategy, i, new, &parts));
            pairs.extend(once.map(|i| (i, new)));
        }
        let name = |i: u32| if i == new { spec.name.clone() } else { self.slots[i as usize].name.clone() };
        let fault = |(part, other)| Fault::NotRestartableTogether { part: name(part), other: name(other) };
        faults.extend(pairs.into_iter().map(fault));
    }

    /// Stops a part and removes it.
    ///
    /// Its name and id can be used again once it is [`PartState::Over`](super::PartState::Over),
    /// which it may be at once.
    ///
    /// # Errors
    ///
    /// If other parts depend on it.
    pub fn remove(&mut self, part: PartId, now: Moment) -> Result<Vec<Action>, RemoveError> {
        let i = part.index();
        let needed_by: Vec<_> =
            self.slots[i].dependents.iter().map(|(to, _)| self.slots[*to as usize].name.clone()).collect();
        if !needed_by.is_empty() {
            return Err(RemoveError { needed_by });
        }
        self.slots[i].removing = true;
        if self.slots[i].is_over() {
            self.free_slot(i);
        } else {
            self.set_goal(i, Goal::End, StopReason::Requested);
        }
        self.propagate(now);
        Ok(std::mem::take(&mut self.actions))
    }

    /// Enters part `i` into the dependents of its dependencies, and counts its unmet conditions.
    pub(super) fn connect(&mut self, i: usize) {
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

    /// Frees the slot of a removed part that is over.
    pub(super) fn free_slot(&mut self, i: usize) {
        self.unready -= usize::from(!self.slots[i].counts_as_ready());
        let after = std::mem::take(&mut self.slots[i].after);
        for (to, _) in after {
            self.slots[to as usize].dependents.retain(|(dependent, _)| *dependent as usize != i);
        }
        self.by_name.remove(id(i).0, &self.slots[i].name);
        self.free.push(id(i).0);
    }
}

/// The parts that are not over, and a new one.
struct WithNew<'a> {
    machine: &'a Machine,
    spec: &'a PartSpec,
    after: &'a [Edge],
}

impl Parts for WithNew<'_> {
    fn all(&self) -> impl Iterator<Item = u32> {
        let slots = self.machine.slots.iter().enumerate();
        let new = id(self.machine.slots.len()).0;
        slots.filter(|(_, slot)| !slot.is_over()).map(|(i, _)| id(i).0).chain([new])
    }

    fn after(&self, part: u32) -> &[Edge] {
        self.machine.slots.get(part as usize).map_or(self.after, |slot| &slot.after)
    }

    fn declares_restarts(&self, part: u32) -> bool {
        self.machine.slots.get(part as usize).map_or(self.spec.declares_restarts(), |slot| slot.declares_restarts)
    }
}

/// The error of a part that cannot be added now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddError {
    /// A stop has begun, or all parts are over.
    #[error("`{name}` cannot be added while stopping")]
    Stopping {
        /// The name of the part.
        name: Arc<str>,
    },
    /// The part has faults.
    #[error("`{name}` cannot be added: {}", list(.faults))]
    Faults {
        /// The name of the part.
        name: Arc<str>,
        /// All its faults.
        faults: Vec<Fault>,
    },
}

fn list(faults: &[Fault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// The error of a part that cannot be removed, because other parts depend on it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RemoveError {
    /// The parts that depend on it.
    pub needed_by: Vec<Arc<str>>,
}

impl fmt::Display for RemoveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "other parts depend on it: {}", self.needed_by.join(", "))
    }
}

impl std::error::Error for RemoveError {}
