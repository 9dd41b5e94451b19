//! The end of what did not stop in time: it is asked where it waits, and then aborted.

use crate::{
    run::Playing,
    snapshot::player::PlayerSnapshot,
    tree::lookup::{PROBE_TIMEOUT, probe_players, symbolize},
};

/// How many are asked at once. The others are aborted without.
pub(crate) const MAX_LATE_PROBED: usize = 64;

/// A run that did not stop in time.
#[derive(Debug)]
pub(crate) struct Late {
    pub(crate) playing: Playing,
    pub(crate) doing: PlayerSnapshot,
}

/// Asks those who are late where they wait, keeps that for the report, and aborts them.
///
/// A task of its own, because the control loop waits for nobody.
pub(crate) async fn abort_late(late: Vec<Late>) {
    let (playing, mut doing): (Vec<_>, Vec<_>) = late.into_iter().map(|late| (late.playing, late.doing)).unzip();
    for (playing, doing) in playing.iter().zip(&mut doing) {
        doing.open = playing.run.register_work();
    }
    let locations = probe_players(&mut doing, PROBE_TIMEOUT).await;
    for (playing, doing) in playing.iter().zip(&doing) {
        playing.run.was_stuck(doing.clone());
        playing.abort();
    }
    // Looking names up takes longer than anybody should wait to be aborted. The report shares the locations, and waits a little.
    symbolize(&locations).await;
    for doing in doing {
        tracing::warn!(player = %doing.path, "did not stop in time, and was aborted: {}", doing.end_line());
    }
}
