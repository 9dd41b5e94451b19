//! The requests of callers, and their answers.

use std::time::Duration;

use tokio::sync::oneshot;
use upbeat_score::{Action, AddError, End, Event, Fault, Machine, PartId, PartState};

use super::{
    driver::{Driver, Step},
    request::{HandleError, Request},
    state::{PartEntry, PartRecord, SupervisorState},
};
use crate::{
    player::part::Part,
    report::player::PlayerReport,
    tree::instances::{DuplicatePlayer, SharedPlayer},
};

type Reply<T> = oneshot::Sender<Result<T, HandleError>>;

impl Driver<'_> {
    /// Takes a request, performs it, and answers it now or at the end of the part. Returns whether
    /// everything has ended.
    ///
    /// The caller may be gone. The request holds all the same.
    pub(super) fn request(&mut self, request: Request, now: Duration) -> bool {
        match request {
            Request::StopAll(_) => self.event(Event::StopAll { budget: None }, now),
            Request::AbortAll(_) => self.event(Event::AbortAll, now),
            Request::Stop { name, reply } => {
                let stop = |machine: &mut Machine, part, _: &Self| Ok(machine.handle_event(Event::Stop { part }, now));
                self.end_part(&name, stop, reply, now)
            }
            Request::Remove { name, reply } => {
                let remove = |machine: &mut Machine, part, driver: &Self| {
                    let path = || driver.part_path(&name);
                    machine.remove(part, now).map_err(|source| HandleError::Needed { path: path(), source })
                };
                self.end_part(&name, remove, reply, now)
            }
            Request::Restart { name, reply } => {
                let step = self.restart(&name, now);
                self.answer(step, reply, now)
            }
            Request::Add { part, shared, reply } => {
                let step = self.enter_and_add(part, &shared, now);
                self.answer(step, reply, now)
            }
        }
    }

    fn part_path(&self, name: &str) -> String {
        format!("{}/{name}", self.supervisor.path)
    }

    fn find(&self, machine: &Machine, name: &str) -> Result<PartId, HandleError> {
        machine.find(name).ok_or_else(|| HandleError::Unknown { path: self.part_path(name) })
    }

    /// Begins to end a part. The answer is its report, now or at its end.
    fn end_part(
        &mut self,
        name: &str,
        end: impl FnOnce(&mut Machine, PartId, &Self) -> Result<Vec<Action>, HandleError>,
        reply: Reply<PlayerReport>,
        now: Duration,
    ) -> bool {
        let begun = self.step(now, |SupervisorState { machine, .. }| {
            let part = self.find(machine, name)?;
            let was_over = matches!(machine.state(part), PartState::Over(_));
            Ok((end(machine, part, self)?, (part, was_over)))
        });
        match begun {
            Ok((step, (part, true))) => {
                let report = self.report(part);
                self.leave_instances(part);
                let finished = self.perform(step, now);
                let _ = reply.send(Ok(report));
                finished
            }
            Ok((step, (part, false))) => {
                self.records[part.index()].history().waiting.push(reply);
                self.perform(step, now)
            }
            Err(error) => {
                let _ = reply.send(Err(error));
                false
            }
        }
    }

    fn restart(&mut self, name: &str, now: Duration) -> Result<Step, HandleError> {
        let part = self.find(&self.supervisor.state.lock().machine, name)?;
        // Code of the player, so without the lock.
        let restartable = self.records[part.index()].player.is_restartable();
        let path = || self.part_path(name);
        let (step, ()) = self.step(now, |SupervisorState { machine, .. }| {
            if machine.is_stopping() {
                Err(HandleError::Stopping { path: path() })
            } else if !restartable && machine.runs(part) > 0 {
                Err(HandleError::NotRestartable { path: path() })
            } else if machine.state(part) == PartState::Over(End::Leaked) {
                Err(HandleError::Leaked { path: path() })
            } else {
                Ok((machine.handle_event(Event::Restart { part }, now), ()))
            }
        })?;
        Ok(step)
    }

    /// Removes the shared players of a part from the tree, if it was removed.
    ///
    /// A part that leaked may still play them, so they are kept until the conductor ends.
    pub(super) fn leave_instances(&mut self, part: PartId) {
        if !self.instances.contains_key(&part) {
            return;
        }
        let gone = {
            let machine = &self.supervisor.state.lock().machine;
            machine.is_removed(part) && machine.state(part) != PartState::Over(End::Leaked)
        };
        if gone {
            let instances = self.instances.remove(&part).unwrap_or_default();
            self.supervisor.link.tree.instances().leave(instances);
        }
    }

    /// Adds a part with the shared players that are played with it.
    fn enter_and_add(&mut self, part: Part, shared: &[SharedPlayer], now: Duration) -> Result<Step, HandleError> {
        let instances = self.supervisor.link.tree.instances();
        let entered = instances.enter(shared).map_err(|DuplicatePlayer { path: part, other }| {
            let path = part.to_string();
            HandleError::DuplicateInstance { path, fault: Fault::DuplicateInstance { part, other } }
        })?;
        match self.add(part, now) {
            Ok((id, step)) => {
                if !entered.is_empty() {
                    self.instances.entry(id).or_default().extend(entered);
                }
                Ok(step)
            }
            Err(error) => {
                instances.leave(entered);
                Err(error)
            }
        }
    }

    fn add(&mut self, part: Part, now: Duration) -> Result<(PartId, Step), HandleError> {
        let path = self.part_path(part.name());
        let added = self.step(now, |state| match state.machine.add(&part.spec, now) {
            Ok((id, actions)) => {
                let entry = PartEntry::new(path.into());
                // The id may be that of a part that was removed, with a run that was left behind.
                let removed = if id.index() == state.parts.len() {
                    state.parts.push(entry);
                    None
                } else {
                    Some(std::mem::replace(state.part_mut(id), entry))
                };
                Ok((actions, (id, removed)))
            }
            Err(AddError::Stopping { .. }) => Err(HandleError::Stopping { path }),
            Err(source) => Err(HandleError::Refused { path, source }),
        });
        let (step, (id, removed)) = added?;
        drop(removed);
        self.watchdogs.remove(&id);
        self.watchdogs.extend(part.spec.watchdog.map(|dog| (id, dog)));
        let record = PartRecord::new(part.player);
        if id.index() == self.records.len() {
            self.records.push(record);
        } else {
            self.records[id.index()] = record;
        }
        Ok((id, step))
    }

    /// Performs a request that is accepted, and answers with that or with its error.
    fn answer(&mut self, step: Result<Step, HandleError>, reply: Reply<()>, now: Duration) -> bool {
        let (answer, finished) = match step {
            Ok(step) => (Ok(()), self.perform(step, now)),
            Err(error) => (Err(error), false),
        };
        let _ = reply.send(answer);
        finished
    }
}
