//! The status of a run and its age.

use std::{borrow::Cow, fmt, time::Duration};

use crate::display::human;

/// The status that a run has set, and its age.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Breadcrumb {
    /// The status.
    pub text: Cow<'static, str>,
    /// The time since it was set.
    #[cfg_attr(feature = "serde", serde(rename = "age_secs", serialize_with = "crate::display::as_secs"))]
    pub age: Duration,
}

impl fmt::Display for Breadcrumb {
    /// Writes it as `flushing for 2.0 s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for {}", self.text, human(self.age))
    }
}
