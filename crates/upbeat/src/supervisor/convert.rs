//! The states, ends and causes of the machine of `upbeat-score`, in the terms of this crate: with
//! paths in place of part numbers.

use std::sync::Arc;

use upbeat_score::{Cause as ScoreCause, End, PartId, PartState, StopReason};

use crate::{
    snapshot::{outcome::Outcome, player::PlayerState},
    stop_cause::StopCause,
};

/// Returns the outcome of a part.
pub(super) fn outcome(end: End, path: impl FnOnce(PartId) -> Arc<str>) -> Outcome {
    match end {
        End::Completed => Outcome::Completed,
        End::Stopped => Outcome::Stopped,
        End::FinishedEarly => Outcome::FinishedEarly,
        End::Failed => Outcome::Failed,
        End::NotReady => Outcome::NotReady,
        End::Unresponsive => Outcome::Unresponsive,
        End::Overran => Outcome::Overran,
        End::Aborted => Outcome::Aborted,
        End::Leaked => Outcome::Leaked,
        End::NeverStarted { because } => Outcome::NeverStarted { because: because.map(path) },
    }
}

/// Returns the state of a player.
pub(super) fn player_state(state: PartState, degraded: bool, path: impl FnOnce(PartId) -> Arc<str>) -> PlayerState {
    match state {
        PartState::Waiting => PlayerState::Waiting,
        PartState::Starting => PlayerState::Starting,
        PartState::Ready if degraded => PlayerState::Unresponsive,
        PartState::Ready => PlayerState::Ready,
        PartState::Stopping => PlayerState::Stopping,
        PartState::Aborting => PlayerState::Aborting,
        PartState::Backoff => PlayerState::Restarting,
        PartState::Over(end) => PlayerState::Ended(outcome(end, path)),
    }
}

/// Returns the cause for which a whole conductor stops.
pub(super) fn stop_cause_of_all(cause: Option<ScoreCause>, path: impl FnOnce(PartId) -> Arc<str>) -> StopCause {
    match cause {
        Some(ScoreCause::Failed(part)) => StopCause::Failed(path(part)),
        Some(ScoreCause::EndedBy(part)) => StopCause::EndedBy(path(part)),
        Some(ScoreCause::Requested) => StopCause::Requested,
        Some(ScoreCause::AllDone) | None => StopCause::Done,
    }
}

/// Returns the cause for which one part stops. `all` is the cause for which the conductor stops.
pub(super) fn stop_cause_of_part(
    reason: StopReason,
    all: Option<&StopCause>,
    path: impl FnOnce(PartId) -> Arc<str>,
) -> StopCause {
    match reason {
        StopReason::All => all.cloned().unwrap_or(StopCause::Requested),
        StopReason::Requested => StopCause::PartStopped,
        StopReason::Restart => StopCause::PartRestarted,
        StopReason::NotReady => StopCause::NotReady,
        StopReason::Unresponsive => StopCause::Unresponsive,
        StopReason::With(other) => StopCause::RestartWith(path(other)),
    }
}
