//! The builder of a monitor.

use std::{fmt, sync::Arc, time::Duration};

use super::{Alert, Monitor, calls::Calls, settings::MonitorSettings};

impl Monitor {
    /// Returns a monitor with a timeout of 10 s, up to 16 calls, and an alert when all have been
    /// stuck for another 10 s.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self::builder(name).build()
    }

    /// Returns a builder for a monitor with other settings.
    pub fn builder(name: impl Into<Arc<str>>) -> MonitorBuilder {
        MonitorBuilder(MonitorSettings {
            name: name.into(),
            timeout: Duration::from_secs(10),
            max_calls: 16,
            alert_after: Duration::from_secs(10),
            cancel_on_timeout: false,
            on_alert: None,
        })
    }
}

/// The settings of a [`Monitor`], from [`Monitor::builder`].
#[derive(Clone)]
#[must_use = "nothing is made until `build`"]
pub struct MonitorBuilder(MonitorSettings);

impl MonitorBuilder {
    /// Sets how long a caller waits. Default: 10 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.0.timeout = timeout;
        self
    }

    /// Sets how many calls may be active, at least one. Default: 16.
    pub fn max_calls(mut self, max: usize) -> Self {
        self.0.max_calls = max.max(1);
        self
    }

    /// Sets how long all calls must have been past their timeout before an alert is raised.
    /// Default: 10 s.
    pub fn alert_after(mut self, delay: Duration) -> Self {
        self.0.alert_after = delay;
        self
    }

    /// Sets a callback for alerts. In addition, each alert is logged at level error.
    ///
    /// The callback runs in a task, so it must not block. If it panics, the panic is logged.
    pub fn on_alert(mut self, on_alert: impl Fn(&Alert) + Send + Sync + 'static) -> Self {
        self.0.on_alert = Some(Arc::new(on_alert));
        self
    }

    /// Aborts a future that times out, or whose caller stops waiting. By default it continues.
    ///
    /// The future ends at its next `await`, and then the call is no longer active. One that never
    /// yields is never aborted. A function that runs on a blocking thread continues in either case.
    /// Set this only for futures that may be dropped at any `await`. Without it a call that has
    /// begun is completed, such as the writes of a handler to two databases.
    pub fn cancel_on_timeout(mut self) -> Self {
        self.0.cancel_on_timeout = true;
        self
    }

    /// Returns the monitor.
    pub fn build(self) -> Monitor {
        Monitor { calls: Arc::new(Calls::new(self.0)) }
    }
}

impl fmt::Debug for MonitorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MonitorBuilder")
            .field("name", &self.0.name)
            .field("timeout", &self.0.timeout)
            .field("max_calls", &self.0.max_calls)
            .field("alert_after", &self.0.alert_after)
            .field("cancel_on_timeout", &self.0.cancel_on_timeout)
            .finish_non_exhaustive()
    }
}
