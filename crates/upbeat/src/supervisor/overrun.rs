//! The end of runs that did not stop in time: they are probed for their locations, and then
//! aborted.

use crate::{
    run::Playing,
    snapshot::player::PlayerSnapshot,
    targets,
    tree::lookup::{PROBE_TIMEOUT, probe_players, symbolize},
};

/// The number of runs that are probed at once. The others are aborted without that.
pub(super) const MAX_PROBED: usize = 64;

/// A run that did not stop in time.
#[derive(Debug)]
pub(super) struct Overrun {
    pub(super) playing: Playing,
    pub(super) snapshot: PlayerSnapshot,
}

/// Probes runs for their locations, keeps these for the report, and aborts the runs.
///
/// A task of its own, because the control loop never waits for a player.
pub(super) async fn abort_overrun(overrun: Vec<Overrun>) {
    let (playing, mut snapshots): (Vec<_>, Vec<_>) =
        overrun.into_iter().map(|overrun| (overrun.playing, overrun.snapshot)).unzip();
    for (playing, snapshot) in playing.iter().zip(&mut snapshots) {
        snapshot.open = playing.run.open_work();
    }
    // The timeout is a part of the time to settle, which begins at the stop deadline.
    let locations = probe_players(&mut snapshots, PROBE_TIMEOUT).await;
    for (playing, snapshot) in playing.iter().zip(&snapshots) {
        playing.run.set_stuck(snapshot.clone());
        playing.abort();
    }
    // Looking up names takes too long for an abort to wait for it. The report shares the locations.
    symbolize(&locations).await;
    for snapshot in snapshots {
        let state = snapshot.end_line();
        tracing::warn!(target: targets::PART, player = %snapshot.path, state, "stop deadline exceeded, part aborted");
    }
}
