use std::future::pending;

use tokio::{task::JoinHandle, time::timeout};
use upbeat::{
    Conductor, Handle, Report,
    diagnostics::{PlayerState, Snapshot},
    report::PlayerReport,
};

use crate::S;

/// Plays a conductor on its own task.
pub fn playing(conductor: Conductor) -> (Handle, JoinHandle<Report>) {
    let handle = conductor.handle();
    (handle, tokio::spawn(conductor.play_until(pending())))
}

/// Stops a conductor and returns its report.
pub async fn stop(handle: &Handle, playing: JoinHandle<Report>) -> Report {
    handle.stop();
    playing.await.unwrap()
}

/// Stops a conductor in a short time, and returns its report, which is clean.
pub async fn clean_report(handle: &Handle, playing: JoinHandle<Report>) -> Report {
    let report = timeout(S * 30, stop(handle, playing)).await.expect("the conductor stops");
    assert!(report.is_clean(), "{report}");
    report
}

/// Stops a conductor as [`clean_report`], and drops the report.
pub async fn stop_cleanly(handle: &Handle, playing: JoinHandle<Report>) {
    drop(clean_report(handle, playing).await);
}

/// Returns the state of a part as text.
pub fn state(handle: &Handle, path: &str) -> String {
    handle.part(path).state().map_or_else(|| "unknown".to_owned(), |state| state.to_string())
}

/// Returns whether a player has ended.
pub fn is_over(state: &PlayerState) -> bool {
    matches!(state, PlayerState::Ended(_))
}

/// Waits until a part is in this state.
pub async fn until(handle: &Handle, path: &'static str, wanted: &'static str) {
    let full = |snapshot: &Snapshot| format!("{}/{path}", snapshot.name);
    let overview = handle.overview();
    let reached =
        overview.wait_for(|now| now.player(&full(now)).is_some_and(|player| player.state.to_string() == wanted));
    let reached = timeout(S * 3600, reached).await;
    assert!(reached.is_ok(), "{path} is not {wanted}: {}", handle.overview().snapshot());
}

/// Returns the parts that did not end cleanly, as `path: outcome`.
pub fn unclean(report: &Report) -> Vec<String> {
    let bad = report.players.iter().filter(|player| !player.is_clean());
    bad.map(|player| format!("{}: {}", player.path, player.outcome.as_str())).collect()
}

/// Returns the errors of a player.
pub fn failures(report: &PlayerReport) -> Vec<String> {
    report.failures.iter().map(ToString::to_string).collect()
}

/// Returns whether a conductor plays and does not stop.
pub fn is_running(handle: &Handle) -> bool {
    let snapshot = handle.overview().snapshot();
    !snapshot.players.is_empty() && snapshot.stopping.is_none()
}
