use std::{fmt, sync::Arc, time::Duration};

use parking_lot::Mutex;
use upbeat::report::HumanDuration;

use crate::{count::Count, http::request::CutRequest};

/// The result of a drain of an HTTP server.
///
/// Its `Display` is the line that the server adds to the conductor's report:
/// `drained in 1.2 s: 345 requests in flight finished, 2 cut`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DrainReport {
    /// The time from the stop until the last connection was closed.
    pub took: Duration,
    /// The number of requests that were answered completely after the stop had begun.
    pub finished: u64,
    /// The number of requests whose clients disconnected before the response was complete.
    pub abandoned: u64,
    /// The requests that were cut off at the drain deadline, the oldest first.
    pub cut: Vec<CutRequest>,
}

impl fmt::Display for DrainReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "drained in {}: ", HumanDuration(self.took))?;
        if self.finished + self.abandoned == 0 && self.cut.is_empty() {
            return f.write_str("no request was in flight");
        }
        let requests = if self.finished == 1 { "request" } else { "requests" };
        write!(f, "{} {requests} in flight finished", Count(self.finished))?;
        if self.abandoned > 0 {
            write!(f, ", {} abandoned by their clients", Count(self.abandoned))?;
        }
        if !self.cut.is_empty() {
            write!(f, ", {} cut", Count(self.cut.len() as u64))?;
        }
        Ok(())
    }
}

/// A handle to the report of a server's latest drain. A cheap clone.
///
/// It comes from [`HttpServer::drain_report`](crate::HttpServer::drain_report) and stays valid
/// after the server was given to a conductor.
#[derive(Clone, Debug, Default)]
pub struct DrainReportHandle {
    report: Arc<Mutex<Option<DrainReport>>>,
}

impl DrainReportHandle {
    /// Returns the report of the latest drain; `None` before the first drain has ended.
    pub fn get(&self) -> Option<DrainReport> {
        self.report.lock().clone()
    }

    pub(crate) fn set(&self, report: DrainReport) {
        *self.report.lock() = Some(report);
    }
}
