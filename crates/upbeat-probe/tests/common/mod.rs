//! Helpers of several tests.

use std::time::Duration;

use upbeat_probe::{Answer, Probe, Watched, watch};

/// Far more than any answer takes, for tests that expect one.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// Watches and spawns a future.
pub(crate) fn spawn<F: Future<Output: Send> + Send + 'static>(
    future: F,
) -> (tokio::task::JoinHandle<F::Output>, Probe) {
    let (watched, probe): (Watched<F>, _) = watch(future);
    (tokio::spawn(watched), probe)
}

/// The traces, each as its frames from the outermost on, sorted.
pub(crate) fn traces(answer: &Answer) -> Vec<String> {
    let Answer::Waiting { traces, .. } = answer else { panic!("{answer}") };
    let mut traces: Vec<_> = traces
        .iter()
        .map(|trace| trace.frames().iter().map(ToString::to_string).collect::<Vec<_>>().join(" > "))
        .collect();
    traces.sort();
    traces
}
