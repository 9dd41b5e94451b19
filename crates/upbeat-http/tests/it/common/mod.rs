//! The shared parts of the tests: a server that plays, and a raw client.

mod gate;
pub(crate) mod raw;

use std::{net::SocketAddr, time::Duration};

use tokio::{
    task::JoinHandle,
    time::{Instant, timeout},
};
use upbeat::{Conductor, Handle, Part, Player, Report, report::PlayerReport};
use upbeat_http::{Address, HttpServer, HttpService, TcpServer};

pub(crate) use gate::Gate;

/// The time in which every expected event occurs.
pub(crate) const TEST_TIMEOUT: Duration = Duration::from_secs(10);

/// A conductor of one player.
pub(crate) struct Playing {
    pub(crate) handle: Handle,
    task: JoinHandle<Report>,
    stopped: Option<Instant>,
}

/// The result of a conductor of one player.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) report: Report,
    pub(crate) player: PlayerReport,
    pub(crate) notes: Vec<String>,
    pub(crate) cut: Vec<String>,
    /// The time from the stop to the end.
    pub(crate) took: Duration,
}

/// A player that listens.
pub(crate) trait Server: Player {
    fn address(&self) -> Address;
}

impl<S: HttpService> Server for HttpServer<S> {
    fn address(&self) -> Address {
        self.address()
    }
}

impl<H> Server for TcpServer<H>
where
    Self: Player,
{
    fn address(&self) -> Address {
        self.address()
    }
}

/// Plays until the player is ready.
pub(crate) async fn play(player: impl Player) -> Playing {
    play_with(player, Duration::from_mins(1)).await
}

/// Plays until the player is ready, in a conductor with this stop timeout.
pub(crate) async fn play_with(player: impl Player, stop_timeout: Duration) -> Playing {
    let part = Part::new("server", player);
    let playing = start(Conductor::new("test").stop_timeout(stop_timeout).part(part));
    let overview = playing.handle.overview();
    let ready = timeout(TEST_TIMEOUT, overview.wait_for(|snapshot| snapshot.ready)).await;
    ready.expect("it becomes ready");
    playing
}

pub(crate) fn start(conductor: Conductor) -> Playing {
    let handle = conductor.handle();
    Playing { handle, task: tokio::spawn(conductor.play_until(std::future::pending())), stopped: None }
}

/// Plays a server until it is ready, and returns its address.
pub(crate) async fn serve(server: impl Server) -> (Playing, SocketAddr) {
    let address = server.address();
    let playing = play(server).await;
    (playing, address.get().expect("a ready server has an address"))
}

impl Playing {
    pub(crate) fn stop(&mut self) {
        self.stopped = Some(Instant::now());
        self.handle.stop();
    }

    pub(crate) async fn report(self) -> Report {
        timeout(TEST_TIMEOUT, self.task).await.expect("it ends").expect("it does not panic")
    }

    pub(crate) async fn ended(self) -> Ended {
        let stopped = self.stopped;
        let report = self.report().await;
        let player = report.player("test/server").expect("it was played").clone();
        Ended {
            notes: player.notes.clone(),
            cut: player.lost.clone(),
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
