//! Players without their type, and the task of a run.

use std::{future::Future, pin::pin, sync::Arc};

use tokio::task::AbortHandle;
use tracing::Instrument as _;

use super::{Player, SharedPlayers};
use crate::{
    context::{Context, Origin},
    run::{
        Run,
        record::RunFailure,
        spawn::{Guarded, Lease},
    },
};

/// The object-safe version of [`Player`], whose `play` returns `impl Future`.
pub(crate) trait DynPlayer: Send + Sync {
    /// Starts it on a task of its own. Here, where the future's type is known, so that it needs no
    /// box.
    fn start(self: Arc<Self>, run: &Arc<Run>) -> AbortHandle;
    fn is_restartable(&self) -> bool;
    fn list_shared(&self, players: &mut SharedPlayers);
}

impl<P: Player> DynPlayer for P {
    fn start(self: Arc<Self>, run: &Arc<Run>) -> AbortHandle {
        let span = tracing::info_span!(parent: None, "player", player = %run.path());
        let task = perform(self, Lease::new(run, ()));
        // A span without a subscriber would only cost memory.
        let task = if span.is_disabled() { tokio::spawn(task) } else { tokio::spawn(task.instrument(span)) };
        task.abort_handle()
    }

    fn is_restartable(&self) -> bool {
        Player::is_restartable(self)
    }

    fn list_shared(&self, players: &mut SharedPlayers) {
        Player::list_shared(self, players);
    }
}

/// The task of a player.
///
/// `play` is called here, in the task's first poll, so that nothing of the player runs in the
/// control loop.
#[expect(clippy::manual_async_fn, reason = "an `async fn` would hold its arguments twice, in each of many tasks")]
pub(crate) fn perform<P: Player>(player: Arc<P>, lease: Lease) -> impl Future<Output = ()> + Send {
    async move {
        let mut playing = pin!(Guarded::empty(lease));
        // The future is made where it stays. In a variable on the way the task would hold it twice.
        if let Err(panic) = playing.as_mut().fill(|run| player.play(Context(Origin::Run(run)))) {
            return playing.lease.run.returned(Err(RunFailure::Panic(panic)));
        }
        let result = match playing.as_mut().await {
            Ok(returned) => returned.map_err(|error| RunFailure::Error(error.into())),
            Err(panic) => Err(RunFailure::Panic(panic)),
        };
        playing.lease.run.returned(result);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_task_of_an_idle_player_is_small() {
        async fn idle(cx: Context) -> Result<(), crate::error::BoxError> {
            cx.stopping().await;
            Ok(())
        }
        let task = perform(Arc::new(idle), Lease::new(&Run::background(), ()));
        // With 128 tokio's own part of a task fills whole blocks of 128; one word more costs each
        // player another block.
        assert!(size_of_val(&task) <= 128, "{}", size_of_val(&task));
        // 72 of them are the watchpoint, which would cost 100 as an allocation of its own.
        assert!(size_of::<Run>() <= 184, "{}", size_of::<Run>());
    }
}
