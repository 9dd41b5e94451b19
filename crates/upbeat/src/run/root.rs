//! The tokens that end the contexts below a run's own.

use std::sync::OnceLock;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The tokens that end the contexts below a run's own. Made with the first of these contexts,
/// because most runs have none.
#[derive(Debug, Default)]
pub(crate) struct RunTokens {
    /// Canceled when the run is asked to stop, or has ended.
    pub(crate) stop: CancellationToken,
    /// Canceled when the run's stop deadline is known. It may become known after the player has
    /// returned, so this is another token.
    pub(crate) bounded: CancellationToken,
    /// Canceled when nothing is left of the run.
    pub(crate) gone: CancellationToken,
    pub(super) stopped_at: OnceLock<Instant>,
    pub(super) gone_at: OnceLock<Instant>,
}

impl RunTokens {
    /// Returns the time of the stop. It is missing only at the instant of the stop.
    pub(crate) fn stopped_at(&self) -> Option<Instant> {
        self.stopped_at.get().copied()
    }

    /// Returns the time since which nothing is left of the run.
    pub(crate) fn gone_at(&self) -> Option<Instant> {
        self.gone_at.get().copied()
    }
}
