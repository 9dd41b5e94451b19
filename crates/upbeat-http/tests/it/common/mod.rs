//! What the tests share: a server that plays, and clients that behave badly on purpose.

pub(crate) mod raw;

use std::{net::SocketAddr, time::Duration};

use tokio::{
    task::JoinHandle,
    time::{Instant, timeout},
};
use upbeat::{Conductor, Handle, Part, Player, Report, report::PlayerReport};
use upbeat_http::Address;

/// Longer than anything may take that is expected to happen.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// A conductor of one player.
pub(crate) struct Playing {
    pub(crate) handle: Handle,
    task: JoinHandle<Report>,
    stopped: Option<Instant>,
}

/// How it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) report: Report,
    pub(crate) player: PlayerReport,
    pub(crate) notes: Vec<String>,
    pub(crate) cut: Vec<String>,
    /// From the stop to the end.
    pub(crate) took: Duration,
}

/// Plays until it is ready.
pub(crate) async fn play(player: impl Player) -> Playing {
    play_within(player, Duration::from_mins(1)).await
}

/// Plays until it is ready, in a conductor that may take so long to stop.
pub(crate) async fn play_within(player: impl Player, stop_timeout: Duration) -> Playing {
    let playing = start(Conductor::new("test").stop_timeout(stop_timeout).part(Part::new("server", player)));
    timeout(SOON, playing.handle.overview().wait_for(|snapshot| snapshot.ready)).await.expect("it becomes ready");
    playing
}

pub(crate) fn start(conductor: Conductor) -> Playing {
    let handle = conductor.handle();
    Playing { handle, task: tokio::spawn(conductor.play_until(std::future::pending())), stopped: None }
}

/// Plays a server until it is ready, and returns where it listens.
pub(crate) async fn serve(player: impl Player, address: Address) -> (Playing, SocketAddr) {
    let playing = play(player).await;
    (playing, address.get().expect("a ready server has an address"))
}

impl Playing {
    pub(crate) fn stop(&mut self) {
        self.stopped = Some(Instant::now());
        self.handle.stop();
    }

    pub(crate) async fn report(self) -> Report {
        timeout(SOON, self.task).await.expect("it ends").expect("it does not panic")
    }

    pub(crate) async fn ended(self) -> Ended {
        let stopped = self.stopped;
        let report = self.report().await;
        let player = report.player("test/server").expect("it was played").clone();
        Ended {
            notes: player.notes.clone(),
            cut: player.cuts.clone(),
            took: stopped.map_or(Duration::ZERO, |stopped| stopped.elapsed()),
            player,
            report,
        }
    }

    pub(crate) async fn stopped(mut self) -> Ended {
        self.stop();
        self.ended().await
    }
}
