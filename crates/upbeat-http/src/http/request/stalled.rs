use std::time::Duration;

use http::Method;
use upbeat::diagnostics::Probe;

use super::RequestId;

/// A request that has taken longer than the stall limit.
pub(crate) struct StalledRequest {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) taken: Duration,
    /// `None` if the context is gone and only the last bytes of the response are in flight.
    pub(crate) id: Option<RequestId>,
    /// `None` if the handler has returned.
    pub(crate) probe: Option<Probe>,
}
