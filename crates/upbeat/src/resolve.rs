//! Asking probes, and looking up the names in their answers where that holds up nobody.

use std::{future::Future, pin::Pin, task::Poll, thread, time::Duration};

use tokio::sync::oneshot;
use upbeat_probe::{Answer, Probe};

/// How long a future has to be polled for the question. One whose worker is free needs microseconds.
pub(crate) const PATIENCE: Duration = Duration::from_millis(250);

/// Asks all probes at once, waits at most [`PATIENCE`], and looks up the names. The answers are in the order of the probes.
pub(crate) async fn ask_all(probes: impl IntoIterator<Item = Probe>) -> Vec<Answer> {
    type Asking = Pin<Box<dyn Future<Output = Answer> + Send>>;
    let mut asking: Vec<(Asking, Option<Answer>)> =
        probes.into_iter().map(|probe| (Box::pin(async move { probe.ask(PATIENCE).await }) as _, None)).collect();
    std::future::poll_fn(|cx| {
        let mut all = Poll::Ready(());
        for (question, answer) in &mut asking {
            if answer.is_none() {
                match question.as_mut().poll(cx) {
                    Poll::Ready(found) => *answer = Some(found),
                    Poll::Pending => all = Poll::Pending,
                }
            }
        }
        all
    })
    .await;
    let answers: Vec<Answer> = asking.into_iter().filter_map(|(_, answer)| answer).collect();
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
