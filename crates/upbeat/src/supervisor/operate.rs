//! The requests of callers, and their answers.

use std::time::Duration;

use tokio::sync::oneshot;
use upbeat_score::{Action, AddError, End, Event, Fault, Machine, PartId, PartState};

use super::{
    driver::{Driver, Step},
    request::{HandleError, Request},
    state::{PartEntry, PartRecord, SupervisorState},
};
use crate::{player::part::Part, report::player::PlayerReport};

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
            Request::Add { part, reply } => {
                let step = self.add(part, now);
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
        let begun = self.step(|SupervisorState { machine, .. }| {
            let part = self.find(machine, name)?;
            let was_over = matches!(machine.state(part), PartState::Over(_));
            Ok((end(machine, part, self)?, (part, was_over)))
        });
        match begun {
            Ok((step, (part, true))) => {
                let report = self.report(part);
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
        let (step, ()) = self.step(|SupervisorState { machine, .. }| {
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

    fn add(&mut self, part: Part, now: Duration) -> Result<Step, HandleError> {
        let path = self.part_path(part.name());
        if let Some(identity) = part.player.identity() {
            let parts: Vec<_> = self.supervisor.state.lock().machine.parts().collect();
            let same = parts.into_iter().find(|part| self.records[part.index()].player.identity() == Some(identity));
            if let Some(other) = same {
                let other = self.supervisor.state.lock().machine.name(other).into();
                let fault = Fault::DuplicateInstance { part: part.spec.name.clone(), other };
                return Err(HandleError::DuplicateInstance { path, fault });
            }
        }
        let added = self.step(|state| match state.machine.add(&part.spec, now) {
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
        Ok(step)
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
