//! The settings of a monitor.

use std::{sync::Arc, time::Duration};

use super::Alert;

pub(super) type OnAlert = Arc<dyn Fn(&Alert) + Send + Sync>;

#[derive(Clone)]
pub(super) struct MonitorSettings {
    pub(super) name: Arc<str>,
    pub(super) timeout: Duration,
    pub(super) max_calls: usize,
    pub(super) alert_after: Duration,
    pub(super) cancel_on_timeout: bool,
    pub(super) on_alert: Option<OnAlert>,
}
