use std::time::Duration;

use crate::listen::KEEP_ALIVE_INTERVAL;

/// The bounds of a server, as its builder has set them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Config {
    pub(crate) drain_timeout: Duration,
    pub(crate) header_timeout: Duration,
    pub(crate) first_byte_timeout: Duration,
    pub(crate) keep_alive_timeout: Duration,
    pub(crate) transfer_timeout: Duration,
    pub(crate) keep_alive_interval: Option<Duration>,
    pub(crate) request_timeout: Option<Duration>,
    pub(crate) stall_timeout: Option<Duration>,
    pub(crate) max_connections: usize,
    /// Connections are encrypted.
    pub(crate) secured: bool,
    /// Omits a drain from the report unless it has cut a request.
    pub(crate) quiet: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            drain_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(5),
            first_byte_timeout: Duration::from_millis(250),
            keep_alive_timeout: Duration::from_secs(75),
            transfer_timeout: Duration::from_mins(1),
            keep_alive_interval: Some(KEEP_ALIVE_INTERVAL),
            request_timeout: None,
            stall_timeout: None,
            max_connections: 10_000,
            secured: false,
            quiet: false,
        }
    }
}
