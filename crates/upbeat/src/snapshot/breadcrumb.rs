//! Notes that a player leaves about what it is doing.

use std::{borrow::Cow, fmt, time::Duration};

use crate::display::human;

/// Something that a player has said of itself, and how long ago.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Breadcrumb {
    /// What it said.
    pub text: Cow<'static, str>,
    /// How long ago.
    #[cfg_attr(feature = "serde", serde(rename = "age_secs", serialize_with = "crate::display::as_secs"))]
    pub age: Duration,
}

impl fmt::Display for Breadcrumb {
    /// `flushing for 2.0 s`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for {}", self.text, human(self.age))
    }
}
