//! Looking up the names in answers of probes where that holds up nobody.

use std::{thread, time::Duration};

use tokio::sync::oneshot;
use upbeat_probe::{Answer, Probe};

use crate::snapshot::{location::Location, player::PlayerSnapshot};

/// How long a future has to be polled for the question. One whose worker is free needs microseconds.
pub(crate) const PATIENCE: Duration = Duration::from_millis(250);

/// Asks all probes at once, waits at most a quarter of a second, and looks up the names. The answers are in the order of the probes.
pub async fn ask_all(probes: &[Probe]) -> Vec<Answer> {
    let answers = Probe::ask_all(probes, PATIENCE).await;
    resolve(&answers).await;
    answers
}

/// Looks up the names and lines, so that displaying the answers is quick.
///
/// It is done on a plain thread: the workers have other things to do than to read debug information, and when something is stuck the
/// runtime's blocking threads may be what is exhausted.
pub(crate) async fn resolve(answers: &[Answer]) {
    let answers: Vec<_> = answers.iter().filter(|answer| matches!(answer, Answer::Waiting { .. })).cloned().collect();
    if answers.is_empty() {
        return;
    }
    let (done, resolved) = oneshot::channel::<()>();
    let thread = thread::Builder::new().name("upbeat-names".into()).spawn(move || {
        answers.iter().for_each(Answer::resolve);
        let _ = done.send(());
    });
    // Without a thread the names are looked up when the answer is displayed: late is better than never.
    if thread.is_ok() {
        let _ = resolved.await;
    }
}

/// How many tasks a dump asks where they wait. Whoever has more finds the reason among the first, and the time for all stays small.
pub(crate) const MOST_ASKED: usize = 1000;

/// How long a dump waits for names to be looked up, which goes on in the background when it takes longer.
pub(crate) const LOOK_UP: Duration = Duration::from_secs(5);

/// Asks players where they and their work wait. Returns the answers, of which the names are to be looked up.
pub(crate) async fn ask(players: &mut [PlayerSnapshot], timeout: Duration) -> Vec<Location> {
    let probes = probes(players);
    let answers = Probe::ask_all(&probes, timeout).await;
    answered(players, answers)
}

/// Looks names up off the runtime's workers. If it takes too long, the places say that their names are missing.
pub(crate) async fn look_up(places: Vec<Location>) {
    let looking = tokio::task::spawn_blocking(move || places.iter().for_each(Location::look_up));
    let _ = tokio::time::timeout(LOOK_UP, looking).await;
}

pub(super) fn probes(players: &mut [PlayerSnapshot]) -> Vec<Probe> {
    players.iter_mut().flat_map(PlayerSnapshot::probes).take(MOST_ASKED).collect()
}

pub(super) fn answered(players: &mut [PlayerSnapshot], answers: Vec<Answer>) -> Vec<Location> {
    let mut answers = answers.into_iter();
    let places = players.iter_mut().flat_map(|player| player.answered(&mut answers)).collect();
    players.iter_mut().for_each(PlayerSnapshot::forget_probes);
    places
}
