//! Points in time without a clock.

use std::time::Duration;

/// A point in time: the time since an epoch that the driver chooses.
pub type Moment = Duration;
