use std::time::Duration;

/// The bounds of a server, as its builder set them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Config {
    pub(super) drain: Duration,
    pub(super) header_timeout: Duration,
    pub(super) first_byte_grace: Duration,
    pub(super) keep_alive: Duration,
    pub(super) request_timeout: Option<Duration>,
    pub(super) stall_limit: Option<Duration>,
    pub(super) max_connections: usize,
    /// Leaves a drain that cut nothing out of the report.
    pub(super) quiet: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            drain: Duration::from_secs(10),
            header_timeout: Duration::from_secs(5),
            first_byte_grace: Duration::from_millis(250),
            keep_alive: Duration::from_secs(75),
            request_timeout: None,
            stall_limit: None,
            max_connections: 10_000,
            quiet: false,
        }
    }
}
