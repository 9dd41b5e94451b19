use serde::{Deserialize, Serialize};

use crate::{StoreError, Time};

/// What a sensor measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measurement {
    /// When. No two have the same.
    pub time: Time,
    /// Degrees Celsius; a finite number.
    pub value: f64,
}

/// A measurement, and the average that ends with it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Averaged {
    /// When. No two have the same.
    pub time: Time,
    /// Degrees Celsius.
    pub value: f64,
    /// Of this value and those before it, as many as the window holds.
    pub average: f64,
}

/// What stands in a stream in place of an entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// What kind it is.
    pub code: FaultCode,
    /// For people.
    pub message: String,
    /// The time of the row that is bad.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
    /// This is the last entry; one who asks again from this time gets the rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<Time>,
}

/// The kinds of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FaultCode {
    /// A row that is no measurement. Others follow.
    BadRow,
    /// The database failed. Nothing follows.
    Database,
    /// The server stops. Nothing follows.
    Stopping,
}

impl Fault {
    pub(crate) fn bad_row(time: Time, why: &str) -> Self {
        Self { code: FaultCode::BadRow, message: format!("at {time} {why}"), time: Some(time), resume: None }
    }

    /// What the database said is for the log.
    pub(crate) fn database(error: &StoreError, resume: Time) -> Self {
        Self { code: FaultCode::Database, message: error.to_string(), time: None, resume: Some(resume) }
    }

    pub(crate) fn stopping(resume: Time) -> Self {
        let message = format!("the server is stopping; ask again from={resume} for the rest");
        Self { code: FaultCode::Stopping, message, time: None, resume: Some(resume) }
    }
}
