//! The end of a conversation, and its close frame.

use std::error::Error as _;

use axum::extract::ws::{CloseFrame, close_code};
use tokio_tungstenite::tungstenite;
use upbeat_work::hub::{HubClosed, RecvError};

use crate::names::InvalidName;

/// The reason why a conversation has ended, or has not started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The client has disconnected.
    Gone,
    /// The client does not answer pings.
    Unresponsive,
    /// The client does not read fast enough.
    TooSlow,
    /// A message is too large.
    TooLarge,
    /// A text is not UTF-8.
    NotText,
    /// Too many messages of the client were rejected.
    Abusive,
    /// The name is invalid.
    InvalidName(InvalidName),
    /// The room is closed.
    Closed,
}

impl Ending {
    /// Returns the close frame, or `None` if the client cannot receive one.
    pub(crate) fn frame(self) -> Option<CloseFrame> {
        let (code, reason) = match self {
            Self::Gone | Self::Unresponsive => return None,
            Self::TooSlow => (close_code::AGAIN, "client too slow".into()),
            Self::TooLarge => (close_code::SIZE, "message too large".into()),
            Self::NotText => (close_code::INVALID, "text is not UTF-8".into()),
            Self::Abusive => (close_code::POLICY, "too many messages rejected".into()),
            Self::InvalidName(problem) => (close_code::POLICY, problem.to_string().into()),
            Self::Closed => (close_code::AWAY, "room closed".into()),
        };
        Some(CloseFrame { code, reason })
    }
}

impl From<RecvError> for Ending {
    fn from(closed: RecvError) -> Self {
        match closed {
            RecvError::TooSlow => Self::TooSlow,
            _ => Self::Closed,
        }
    }
}

impl From<HubClosed> for Ending {
    fn from(_: HubClosed) -> Self {
        Self::Closed
    }
}

impl From<InvalidName> for Ending {
    fn from(problem: InvalidName) -> Self {
        Self::InvalidName(problem)
    }
}

/// The conversion of an error to receive, whose kind only the source of axum's error has.
impl From<axum::Error> for Ending {
    fn from(error: axum::Error) -> Self {
        match error.source().and_then(|source| source.downcast_ref()) {
            Some(tungstenite::Error::Capacity(_)) => Self::TooLarge,
            Some(tungstenite::Error::Utf8(_)) => Self::NotText,
            _ => Self::Gone,
        }
    }
}
