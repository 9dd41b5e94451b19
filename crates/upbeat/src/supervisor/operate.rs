//! The requests of callers, and their answers.

use std::time::Duration;

use tokio::sync::oneshot;
use upbeat_score::{Action, AddError, End, Event, Fault, Machine, PartId, PartState};

use super::{
    request::{HandleError, Request},
    state::{PartEntry, SupervisorState},
};
use crate::{player::part::Part, report::player::PlayerReport};

type Reply<T> = oneshot::Sender<Result<T, HandleError>>;

impl SupervisorState {
    /// Takes a request, answers it now or at the end of the part, and returns the actions for it.
    ///
    /// The caller may be gone. The request holds all the same.
    pub(super) fn operate(&mut self, conductor: &str, request: Request, now: Duration) -> Vec<Action> {
        let path = |name: &str| format!("{conductor}/{name}");
        match request {
            Request::StopAll(_) => self.machine.handle_event(Event::StopAll { budget: None }, now),
            Request::AbortAll(_) => self.machine.handle_event(Event::AbortAll, now),
            Request::Stop { name, reply } => {
                let part = self.find(path(&name), &name);
                self.answer_when_over(part, |machine, part| Ok(machine.handle_event(Event::Stop { part }, now)), reply)
            }
            Request::Remove { name, reply } => {
                let part = self.find(path(&name), &name);
                let remove = |machine: &mut Machine, part| {
                    machine.remove(part, now).map_err(|source| HandleError::Needed { path: path(&name), source })
                };
                self.answer_when_over(part, remove, reply)
            }
            Request::Restart { name, reply } => {
                let part = self.find(path(&name), &name).and_then(|part| self.restartable(part).map(|()| part));
                answer(part.map(|part| self.machine.handle_event(Event::Restart { part }, now)), reply)
            }
            Request::Add { part, reply } => answer(self.add(path(part.name()), part, now), reply),
        }
    }

    fn find(&self, path: String, name: &str) -> Result<PartId, HandleError> {
        self.machine.find(name).ok_or(HandleError::Unknown { path })
    }

    /// Begins to end a part. The answer is its report, now or at its end.
    fn answer_when_over(
        &mut self,
        part: Result<PartId, HandleError>,
        end: impl FnOnce(&mut Machine, PartId) -> Result<Vec<Action>, HandleError>,
        reply: Reply<PlayerReport>,
    ) -> Vec<Action> {
        let begun = part.and_then(|part| {
            let was_over = matches!(self.machine.state(part), PartState::Over(_));
            end(&mut self.machine, part).map(|actions| (part, was_over, actions))
        });
        match begun {
            Ok((part, true, actions)) => {
                let _ = reply.send(Ok(self.report(part)));
                actions
            }
            Ok((part, false, actions)) => {
                self.part_mut(part).history().waiting.push(reply);
                actions
            }
            Err(error) => {
                let _ = reply.send(Err(error));
                Vec::new()
            }
        }
    }

    fn restartable(&self, part: PartId) -> Result<(), HandleError> {
        let entry = self.part(part);
        let path = entry.path.to_string();
        if self.machine.is_stopping() {
            Err(HandleError::Stopping { path })
        } else if !entry.player.is_restartable() && self.machine.runs(part) > 0 {
            Err(HandleError::NotRestartable { path })
        } else if self.machine.state(part) == PartState::Over(End::Leaked) {
            Err(HandleError::Leaked { path })
        } else {
            Ok(())
        }
    }

    fn add(&mut self, path: String, part: Part, now: Duration) -> Result<Vec<Action>, HandleError> {
        if let Some(identity) = part.player.identity() {
            let same = self.machine.parts().find(|part| self.part(*part).player.identity() == Some(identity));
            if let Some(other) = same {
                let other = self.machine.name(other).into();
                let fault = Fault::DuplicateInstance { part: part.spec.name.clone(), other };
                return Err(HandleError::DuplicateInstance { path, fault });
            }
        }
        // The entry has to be there before the actions are performed. Its index is known only
        // afterwards.
        match self.machine.add(&part.spec, now) {
            Ok((id, actions)) => {
                let entry = PartEntry::new(path.into(), part.player);
                // The id may be that of a part that was removed.
                self.watchdogs.remove(&id);
                self.watchdogs.extend(part.spec.watchdog.map(|dog| (id, dog)));
                if id.index() == self.parts.len() {
                    self.parts.push(entry);
                } else {
                    self.parts[id.index()] = entry;
                }
                Ok(actions)
            }
            Err(AddError::Stopping { .. }) => Err(HandleError::Stopping { path }),
            Err(source) => Err(HandleError::Refused { path, source }),
        }
    }
}

/// Answers with the error of a request, or that it is accepted.
fn answer(result: Result<Vec<Action>, HandleError>, reply: Reply<()>) -> Vec<Action> {
    let (answer, actions) = match result {
        Ok(actions) => (Ok(()), actions),
        Err(error) => (Err(error), Vec::new()),
    };
    let _ = reply.send(answer);
    actions
}
