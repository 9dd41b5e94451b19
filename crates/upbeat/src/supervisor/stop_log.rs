//! Who holds the door: says, while everything stops, who is still there and what for.

use std::time::Duration;

use crate::{
    display::human,
    tree::{lookup::PROBE_TIMEOUT, overview::Overview},
};

/// How often it is said. A stop that takes less says nothing.
pub(crate) const EVERY: Duration = Duration::from_secs(2);

/// Filtered by the program.
const TARGET: &str = "upbeat::door";

/// How many are named each time.
const MOST_NAMED: usize = 10;

/// Says who is still there, now and then every so often, for as long as it is polled. The stop began [`EVERY`] ago.
pub(crate) async fn watch(overview: Overview) {
    let begun = tokio::time::Instant::now();
    loop {
        let dump = overview.dump(PROBE_TIMEOUT).await;
        let after = human(EVERY + begun.elapsed());
        let all = dump.delaying_stop().count();
        for player in dump.delaying_stop().take(MOST_NAMED) {
            tracing::info!(target: TARGET, player = %player.path, "still there {after} after the stop began: {}", player.line());
        }
        if all > MOST_NAMED {
            tracing::info!(target: TARGET, player = %dump.name, "and {} more", all - MOST_NAMED);
        }
        tokio::time::sleep(EVERY).await;
    }
}
