//! The drain of a server, and its report.

mod report;

use std::cmp::Reverse;

use tokio::time::{Instant, timeout_at};

pub use report::{DrainReport, DrainReportHandle};

use super::{connection::Registry, request::ServerEnded};
use crate::deadline::{CLEANUP_TIMEOUT, drain_deadline};

/// Waits for the connections until the deadline and cuts the rest.
///
/// The listener must be closed, and the drain must have begun.
pub(crate) async fn drain(registry: &Registry, started: Instant) -> DrainReport {
    let server = registry.server();
    let deadline = drain_deadline(&server.context, started, server.config.drain_timeout);
    let mut cut = Vec::new();
    if timeout_at(deadline, registry.wait_empty()).await.is_err() {
        cut = registry.cut(ServerEnded::DrainDeadline);
        cut.sort_by_key(|cut| Reverse(cut.age));
        let _ = timeout_at(Instant::now() + CLEANUP_TIMEOUT, registry.wait_empty()).await;
    }
    let (finished, abandoned) = (server.finished(), server.abandoned());
    DrainReport { took: started.elapsed(), finished, abandoned, cut }
}
