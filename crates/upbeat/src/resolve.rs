//! Looking up the names in answers of probes where that holds up nobody.

use std::{thread, time::Duration};

use tokio::sync::oneshot;
use upbeat_probe::{Answer, Probe};

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
