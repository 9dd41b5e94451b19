//! What can go wrong when somebody asks something of a conductor that plays.

use upbeat_score::{AddError, Fault, RemoveError};

/// A request to a conductor that plays was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandleError {
    /// No conductor, or no part, has that path.
    #[error("nothing is played as `{path}`")]
    Unknown {
        /// The path.
        path: String,
    },
    /// The conductor does not play: not yet, or not any more.
    #[error("`{path}` does not play")]
    NotPlaying {
        /// The conductor's path.
        path: String,
    },
    /// Everything is being stopped.
    #[error("`{path}` is stopping")]
    Stopping {
        /// The path of the part, or the conductor.
        path: String,
    },
    /// The part cannot be added.
    #[error("`{path}` cannot be added")]
    Refused {
        /// Its path.
        path: String,
        /// All that is wrong with it.
        source: AddError,
    },
    /// The same shared player is already played by another part.
    #[error("`{path}` cannot be added: {fault}")]
    DuplicateInstance {
        /// Its path.
        path: String,
        /// Which part plays it.
        fault: Fault,
    },
    /// The part cannot be removed.
    #[error("`{path}` cannot be removed")]
    Needed {
        /// Its path.
        path: String,
        /// Who depends on it.
        source: RemoveError,
    },
    /// The part's player can be played only once.
    #[error("`{path}` can be played only once")]
    NotRestartable {
        /// Its path.
        path: String,
    },
    /// A run of the part was aborted and is still there; no other may begin beside it.
    #[error("`{path}` cannot be restarted: its last run was aborted and is still there")]
    Leaked {
        /// Its path.
        path: String,
    },
}
