//! What may be asked of a conductor that plays.

use tokio::sync::oneshot;

use super::handle_error::HandleError;
use crate::{player::part::Part, report::player::PlayerReport, stop_cause::StopCause};

/// What somebody may want of a conductor.
#[derive(Debug)]
pub(crate) enum Request {
    StopAll(StopCause),
    AbortAll(StopCause),
    Stop { name: String, reply: oneshot::Sender<Result<PlayerReport, HandleError>> },
    Restart { name: String, reply: oneshot::Sender<Result<(), HandleError>> },
    Remove { name: String, reply: oneshot::Sender<Result<PlayerReport, HandleError>> },
    Add { part: Part, reply: oneshot::Sender<Result<(), HandleError>> },
}
