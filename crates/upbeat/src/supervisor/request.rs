//! Requests to a conductor that plays, and the error of a request that is refused.

use tokio::sync::{mpsc, oneshot};
use upbeat_score::{AddError, Fault, RemoveError};

use crate::{
    player::part::Part,
    report::player::PlayerReport,
    run::event::{EventSink, RunEvent},
    stop_cause::StopCause,
    tree::instances::SharedPlayer,
};

/// A message to the control loop.
///
/// Events of runs and requests of callers share one queue, so the control loop takes them in the
/// order in which they were sent: a stop that a player requests before it returns comes before its
/// end.
#[derive(Debug)]
pub(crate) enum Message {
    Event(RunEvent),
    Request(Box<Request>),
}

impl EventSink for mpsc::UnboundedSender<Message> {
    fn send(&self, event: RunEvent) {
        let _ = self.send(Message::Event(event));
    }
}

/// A request to a conductor that plays.
#[derive(Debug)]
pub(crate) enum Request {
    StopAll(StopCause),
    AbortAll(StopCause),
    Stop {
        name: String,
        reply: oneshot::Sender<Result<PlayerReport, HandleError>>,
    },
    Restart {
        name: String,
        reply: oneshot::Sender<Result<(), HandleError>>,
    },
    Remove {
        name: String,
        reply: oneshot::Sender<Result<PlayerReport, HandleError>>,
    },
    /// `shared` are the shared players of the part, and of those inside if it is a conductor.
    Add {
        part: Part,
        shared: Vec<SharedPlayer>,
        reply: oneshot::Sender<Result<(), HandleError>>,
    },
}

/// The error of a request that a [`Handle`](crate::Handle) sends to a conductor that plays.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandleError {
    /// There is no conductor or no part at that path.
    #[error("no player at `{path}`")]
    Unknown {
        /// The path.
        path: String,
    },
    /// The conductor does not play yet, or has ended.
    #[error("conductor `{path}` is not running")]
    NotPlaying {
        /// The conductor's path.
        path: String,
    },
    /// The conductor is stopping.
    #[error("`{path}` is stopping")]
    Stopping {
        /// The path of the part, or of the conductor.
        path: String,
    },
    /// The part cannot be added. The source lists its faults.
    #[error("`{path}` cannot be added")]
    Refused {
        /// The path of the part.
        path: String,
        /// The faults of the part.
        source: AddError,
    },
    /// Another part of the tree already plays the same player.
    #[error("`{path}` cannot be added: {fault}")]
    DuplicateInstance {
        /// The path of the part.
        path: String,
        /// The fault, which names the other part.
        fault: Fault,
    },
    /// The part cannot be removed, because others depend on it. The source lists these.
    #[error("`{path}` cannot be removed")]
    Needed {
        /// The path of the part.
        path: String,
        /// The parts that depend on it.
        source: RemoveError,
    },
    /// The request comes from a task of the run whose end it would wait for, so it would wait until
    /// the stop deadline. Nothing was requested.
    #[error("`{path}` cannot wait for its own end: request it from a task outside of that run")]
    OwnEnd {
        /// The path of the part.
        path: String,
    },
    /// The part's player can be played only once.
    #[error("`{path}` can be played only once")]
    NotRestartable {
        /// The path of the part.
        path: String,
    },
    /// A run of the part was aborted and has not ended, and runs never overlap.
    #[error("`{path}` cannot be restarted: its last run was aborted and has not ended")]
    Leaked {
        /// The path of the part.
        path: String,
    },
}

impl HandleError {
    /// Returns whether there is no conductor or no part at the path.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown { .. })
    }

    /// Returns whether the conductor does not play yet, or has ended.
    pub fn is_not_playing(&self) -> bool {
        matches!(self, Self::NotPlaying { .. })
    }

    /// Returns whether the conductor is stopping.
    pub fn is_stopping(&self) -> bool {
        matches!(self, Self::Stopping { .. })
    }
}
