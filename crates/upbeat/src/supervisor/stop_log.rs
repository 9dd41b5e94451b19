//! The stop log: while a stop lasts, it logs the parts that have not stopped.

use std::{sync::Arc, time::Duration};

use tokio::{
    task::AbortHandle,
    time::{Instant, sleep},
};

use crate::{
    display::millis,
    targets,
    tree::{Tree, lookup::PROBE_TIMEOUT, overview::Overview},
};

/// The time between two rounds. A stop that takes less logs nothing.
const INTERVAL: Duration = Duration::from_secs(2);

/// The number of parts that are logged in a round.
const MAX_PARTS: usize = 10;

/// The stop log of one stop. It ends when this is dropped.
///
/// A task of its own, because foreign code lists the open work of the parts.
#[derive(Debug)]
pub(super) struct StopLog {
    task: AbortHandle,
}

impl StopLog {
    /// Begins with the stop.
    pub(super) fn start(tree: &Arc<Tree>) -> Self {
        let log = tokio::spawn(log(Overview::new(tree.clone()), Instant::now()));
        let task = log.abort_handle();
        tree.add_helper(log);
        Self { task }
    }
}

impl Drop for StopLog {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn log(overview: Overview, begun: Instant) {
    loop {
        sleep(INTERVAL).await;
        let elapsed_ms = millis(begun.elapsed());
        let dump = overview.dump(PROBE_TIMEOUT).await;
        let all = dump.delaying_stop().count();
        for player in dump.delaying_stop().take(MAX_PARTS) {
            tracing::info!(target: targets::STOP, player = %player.path, elapsed_ms, state = player.line(), "still stopping");
        }
        if all > MAX_PARTS {
            tracing::info!(target: targets::STOP, player = %dump.name, elapsed_ms, parts = all - MAX_PARTS, "more parts still stopping");
        }
    }
}
