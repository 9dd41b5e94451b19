use std::{fmt, sync::Arc, time::Duration};

use http::Method;
use parking_lot::Mutex;
use tokio::time::{Instant, timeout_at};

use super::{activity::Open, registry::Shared, request::ServerEnded};
use crate::{
    deadline::{AFTERMATH, drain_deadline},
    listen::Peer,
    text::{Age, Count},
};

/// How the drain of an HTTP server went.
///
/// Its `Display` is the line that the server adds to the conductor's report: `drained in 1.2 s: 345 requests in flight finished, 2
/// cut`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DrainReport {
    /// From the stop until the last connection was closed.
    pub took: Duration,
    /// Requests that were answered whole after the stop had begun.
    pub finished: u64,
    /// Requests whose clients went away before they were answered.
    pub abandoned: u64,
    /// Requests that were cut off because the drain deadline had passed, the oldest first.
    pub cut: Vec<CutRequest>,
}

impl fmt::Display for DrainReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "drained in {}: ", Age(self.took))?;
        if self.finished + self.abandoned == 0 && self.cut.is_empty() {
            return f.write_str("no request was in flight");
        }
        let requests = if self.finished == 1 { "request" } else { "requests" };
        write!(f, "{} {requests} in flight finished", Count(self.finished))?;
        if self.abandoned > 0 {
            write!(f, ", {} given up by their clients", Count(self.abandoned))?;
        }
        if !self.cut.is_empty() {
            write!(f, ", {} cut", Count(self.cut.len() as u64))?;
        }
        Ok(())
    }
}

/// A request that was cut off at the drain deadline: `GET /slow, open for 3.2 s`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CutRequest {
    /// The request's method.
    pub method: Method,
    /// The request's path, without the query; shortened when it is very long.
    pub path: String,
    /// How long it had been open.
    pub age: Duration,
    /// What its connection had become, such as `websocket`.
    pub upgraded: Option<String>,
    /// Who had asked.
    pub peer: Peer,
}

impl CutRequest {
    pub(super) fn new(open: &Open, peer: Peer, now: Instant) -> Self {
        Self {
            method: open.method.clone(),
            path: open.path.clone(),
            age: now.saturating_duration_since(open.started),
            upgraded: open.upgraded.as_deref().map(str::to_owned),
            peer,
        }
    }
}

impl fmt::Display for CutRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(upgraded) = &self.upgraded {
            write!(f, "{upgraded} ")?;
        }
        write!(f, "{} {}, open for {}", self.method, self.path, Age(self.age))
    }
}

/// By which code reads how a server's latest drain went; from [`HttpServer::last_drain`](crate::HttpServer::last_drain). A cheap
/// clone.
#[derive(Clone, Debug, Default)]
pub struct LastDrain {
    report: Arc<Mutex<Option<DrainReport>>>,
}

impl LastDrain {
    /// The account of the latest drain; `None` before the first one has ended.
    pub fn get(&self) -> Option<DrainReport> {
        self.report.lock().clone()
    }

    pub(super) fn set(&self, report: DrainReport) {
        *self.report.lock() = Some(report);
    }
}

/// Waits for the connections until the deadline and cuts what is left. The listener must be closed, and the drain begun.
pub(super) async fn drain(shared: &Shared, started: Instant) -> DrainReport {
    let deadline = drain_deadline(started, shared.config.drain, shared.context.deadline());
    let mut cut = Vec::new();
    if timeout_at(deadline, shared.all_left()).await.is_err() {
        cut = shared.cut(ServerEnded::DrainDeadline);
        cut.sort_by_key(|cut| std::cmp::Reverse(cut.age));
        let _ = timeout_at(Instant::now() + AFTERMATH, shared.all_left()).await;
    }
    let (finished, abandoned) = shared.counts();
    DrainReport { took: started.elapsed(), finished, abandoned, cut }
}
