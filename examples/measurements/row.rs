use serde::{Deserialize, Serialize};

use crate::{StoreError, Time};

/// A measurement of a sensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measurement {
    /// The time, which is unique.
    pub time: Time,
    /// The temperature in degrees Celsius, a finite number.
    pub value: f64,
}

/// A measurement with the moving average that ends with it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Averaged {
    /// The time, which is unique.
    pub time: Time,
    /// The temperature in degrees Celsius.
    pub value: f64,
    /// The average of the window that ends with this value.
    pub average: f64,
}

/// An error in a stream, in place of an entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// The kind.
    pub code: FaultCode,
    /// The message.
    pub message: String,
    /// The time of a bad row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
    /// The time from which a new request gets the rest, if this is the last entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<Time>,
}

/// The kinds of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FaultCode {
    /// A row is no measurement. More entries follow.
    BadRow,
    /// The database failed. This is the last entry.
    Database,
    /// The server stops. This is the last entry.
    Stopping,
}

impl Fault {
    pub(crate) fn bad_row(time: Time, reason: &str) -> Self {
        Self {
            code: FaultCode::BadRow,
            message: format!("bad row at {time}: {reason}"),
            time: Some(time),
            resume: None,
        }
    }

    /// Returns the fault of a database error. The source of the error is only logged.
    pub(crate) fn database(error: &StoreError, resume: Time) -> Self {
        Self { code: FaultCode::Database, message: error.to_string(), time: None, resume: Some(resume) }
    }

    pub(crate) fn stopping(resume: Time) -> Self {
        let message = format!("server is stopping, resume with from={resume}");
        Self { code: FaultCode::Stopping, message, time: None, resume: Some(resume) }
    }
}
