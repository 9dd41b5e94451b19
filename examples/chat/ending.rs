//! How a conversation ends, and what the client is told of it.

use std::error::Error as _;

use axum::extract::ws::{CloseFrame, close_code};
use tokio_tungstenite::tungstenite;
use upbeat_work::hub::{Closed, Left};

use crate::names::BadName;

/// Why a conversation is over, or did not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The client went, or its connection broke.
    Gone,
    /// It answers no pings.
    Silent,
    /// It did not read fast enough.
    TooSlow,
    /// A message was larger than any may be.
    TooLarge,
    /// A text was no UTF-8.
    NotText,
    /// Too much of what it sent was refused.
    Abusive,
    /// It cannot have this name.
    BadName(BadName),
    /// The room is closed.
    Closed,
}

impl Ending {
    /// The close frame that says it, for whoever may still read it.
    pub(crate) fn frame(self) -> Option<CloseFrame> {
        let (code, reason) = match self {
            Self::Gone | Self::Silent => return None,
            Self::TooSlow => (close_code::AGAIN, "you did not read fast enough".into()),
            Self::TooLarge => (close_code::SIZE, "the message was too large".into()),
            Self::NotText => (close_code::INVALID, "the text was not UTF-8".into()),
            Self::Abusive => (close_code::POLICY, "too many of your messages were refused".into()),
            Self::BadName(problem) => (close_code::POLICY, problem.to_string().into()),
            Self::Closed => (close_code::AWAY, "the room is closed".into()),
        };
        Some(CloseFrame { code, reason })
    }
}

impl From<Left> for Ending {
    fn from(left: Left) -> Self {
        match left {
            Left::TooSlow => Self::TooSlow,
            _ => Self::Closed,
        }
    }
}

impl From<Closed> for Ending {
    fn from(_: Closed) -> Self {
        Self::Closed
    }
}

impl From<BadName> for Ending {
    fn from(problem: BadName) -> Self {
        Self::BadName(problem)
    }
}

/// What receiving failed with. axum tells it only by the error of the library below.
impl From<axum::Error> for Ending {
    fn from(error: axum::Error) -> Self {
        match error.source().and_then(|source| source.downcast_ref()) {
            Some(tungstenite::Error::Capacity(_)) => Self::TooLarge,
            Some(tungstenite::Error::Utf8(_)) => Self::NotText,
            _ => Self::Gone,
        }
    }
}
