//! The readable state of the machine.

use super::{
    Machine,
    action::{Cause, End, PartId, PartState},
    phase::Phase,
    slot::id,
};
use crate::{
    moment::Moment,
    score::{OnFailure, Readiness, Warning},
};

impl Machine {
    /// Returns the settings that are allowed but hardly intended, as
    /// [`Plan::warnings`](crate::Plan::warnings).
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Returns the part of that name.
    pub fn find(&self, name: &str) -> Option<PartId> {
        self.by_name.find(name, |i| &self.slots[i as usize].name).map(PartId)
    }

    /// Returns all parts that are not removed.
    pub fn parts(&self) -> impl Iterator<Item = PartId> + '_ {
        self.slots.iter().enumerate().filter(|(_, slot)| !slot.is_removed()).map(|(i, _)| id(i))
    }

    /// Returns a part's name.
    pub fn name(&self, part: PartId) -> &str {
        &self.slots[part.index()].name
    }

    /// Returns the moment at which a run of a part counts as ready.
    pub fn readiness(&self, part: PartId) -> Readiness {
        self.slots[part.index()].readiness
    }

    /// Returns the consequence of a part's final failure.
    pub fn on_failure(&self, part: PartId) -> OnFailure {
        self.slots[part.index()].on_failure
    }

    /// Returns a part's state.
    pub fn state(&self, part: PartId) -> PartState {
        self.slots[part.index()].state
    }

    /// Returns the time at which a part entered its state.
    pub fn since(&self, part: PartId) -> Moment {
        self.slots[part.index()].since()
    }

    /// Returns the number of runs of a part that were started.
    pub fn runs(&self, part: PartId) -> u32 {
        self.slots[part.index()].runs
    }

    /// Returns whether any run of the part has been ready.
    pub fn was_ready(&self, part: PartId) -> bool {
        self.slots[part.index()].was_ready
    }

    /// Returns whether the part's last run was aborted at its stop deadline, whatever its end is
    /// called.
    pub fn overran(&self, part: PartId) -> bool {
        self.slots[part.index()].aborted == Some(End::Overran)
    }

    /// Returns whether the part's current run is ready but [degraded](crate::Event::Degraded).
    pub fn is_degraded(&self, part: PartId) -> bool {
        let slot = &self.slots[part.index()];
        slot.degraded && slot.state == PartState::Ready
    }

    /// Returns the first dependency whose condition keeps a waiting part from starting.
    pub fn waits_for(&self, part: PartId) -> Option<PartId> {
        let slot = &self.slots[part.index()];
        if slot.state != PartState::Waiting {
            return None;
        }
        let unmet = slot.after.iter().find(|(to, condition)| !self.slots[*to as usize].holds(*condition));
        unmet.map(|(to, _)| PartId(*to))
    }

    /// Returns whether all parts are ready. Finished jobs count as ready, and so do failed parts
    /// whose failure is ignored.
    pub fn all_ready(&self) -> bool {
        self.unready == 0 && self.phase == Phase::Playing
    }

    /// Returns whether a stop has begun, lame duck period included.
    pub fn is_stopping(&self) -> bool {
        !matches!(self.phase, Phase::Idle | Phase::Playing)
    }

    /// Returns whether all parts are over.
    pub fn is_finished(&self) -> bool {
        self.phase == Phase::Finished
    }

    /// Returns the cause of the stop, once it has begun.
    pub fn cause(&self) -> Option<Cause> {
        self.cause
    }

    /// Returns whether the part was removed, and its name and id can be used again.
    pub fn is_removed(&self, part: PartId) -> bool {
        self.slots[part.index()].is_removed()
    }

    /// Returns whether slot `i` holds a part that is not removed.
    pub(super) fn exists(&self, i: usize) -> bool {
        self.slots.get(i).is_some_and(|slot| !slot.is_removed())
    }

    /// Returns the part's slot, if `run` is its current run and it is not removed.
    pub(super) fn current(&self, part: PartId, run: u64) -> Option<usize> {
        let i = part.index();
        (self.exists(i) && self.slots[i].run == run && self.slots[i].runs > 0).then_some(i)
    }
}
