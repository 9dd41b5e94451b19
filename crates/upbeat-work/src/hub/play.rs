//! A hub as a player.

use std::convert::Infallible;

use upbeat::{Context, Player, player::PlayerId};

use super::handle::Hub;

impl<T: ?Sized + Send + Sync + 'static> Player for Hub<T> {
    type Error = Infallible;

    async fn play(&self, cx: Context) -> Result<(), Infallible> {
        // The stop of an earlier run has closed the hub.
        self.shared().reopen();
        cx.stopping().await;
        self.close();
        cx.note(self.counts());
        Ok(())
    }

    fn identity(&self) -> Option<PlayerId> {
        Some(PlayerId::of(self.shared()))
    }
}
