//! What the tests share: a server that plays, and clients that behave badly on purpose.
#![expect(dead_code, reason = "each test binary uses its own part")]

pub(crate) mod raw;

use std::{net::SocketAddr, time::Duration};

use tokio::{
    task::JoinHandle,
    time::{Instant, timeout},
};
use upbeat::{BoxError, Context, Player};
use upbeat_http::Address;

/// Longer than anything may take that is expected to happen.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// A player that plays on its own.
pub(crate) struct Playing {
    cx: Context,
    task: JoinHandle<Result<(), BoxError>>,
    stopped: Option<Instant>,
}

/// How it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) result: Result<(), BoxError>,
    pub(crate) remarks: Vec<String>,
    pub(crate) cut: Vec<String>,
    /// From the stop to the end.
    pub(crate) took: Duration,
}

/// Plays until it is ready.
pub(crate) async fn play<P: Player>(player: P) -> Playing {
    let playing = start(player);
    timeout(SOON, playing.cx.inner.ready.cancelled()).await.expect("it becomes ready");
    playing
}

pub(crate) fn start<P: Player>(player: P) -> Playing {
    let cx = Context::default();
    let task = tokio::spawn({
        let cx = cx.clone();
        async move { player.play(cx).await.map_err(Into::into) }
    });
    Playing { cx, task, stopped: None }
}

/// Plays a server until it is ready, and returns where it listens.
pub(crate) async fn serve<P: Player>(player: P, address: Address) -> (Playing, SocketAddr) {
    let playing = play(player).await;
    (playing, address.get().expect("a ready server has an address"))
}

impl Playing {
    /// Asks to stop; the conductor would abort after `within`.
    pub(crate) fn stop_within(&mut self, within: Duration) {
        let now = Instant::now();
        self.stopped = Some(now);
        self.cx.inner.deadline.set(now + within).expect("stopped once");
        self.cx.inner.token.cancel();
    }

    pub(crate) fn stop(&mut self) {
        self.stop_within(Duration::from_secs(60));
    }

    pub(crate) async fn ended(self) -> Ended {
        let result = timeout(SOON, self.task).await.expect("it ends").expect("it does not panic");
        Ended {
            result,
            remarks: self.cx.inner.remarks.lock().clone(),
            cut: self.cx.inner.cuts.lock().clone(),
            took: self.stopped.map_or(Duration::ZERO, |stopped| stopped.elapsed()),
        }
    }

    pub(crate) async fn stopped(mut self) -> Ended {
        self.stop();
        self.ended().await
    }
}
