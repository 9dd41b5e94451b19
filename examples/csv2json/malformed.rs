//! Rows that cannot be converted.

use serde::Serialize;
use upbeat_work::pipeline::ItemFailure;

/// The error of a malformed row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct Malformed {
    /// The column of the input, from 0.
    pub column: usize,
    /// The name of the column, if it is one of [`COLUMNS`](crate::COLUMNS).
    pub field: Option<&'static str>,
    /// The problem of its field.
    pub problem: Problem,
    /// The text of the field.
    pub text: String,
}

/// A problem of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The row has no such field.
    #[error("missing field")]
    Missing,
    /// The row has too many fields.
    #[error("more fields than the header")]
    TooMany,
    /// A quote is not closed in its line.
    #[error("unclosed quote")]
    OpenQuote,
    /// The number of the row is not a non-negative integer.
    #[error("not a whole number")]
    NotWhole,
    /// The field is not a decimal number.
    #[error("not a number")]
    NotANumber,
    /// The number is infinite or NaN, which JSON cannot represent.
    #[error("not a finite number")]
    NotFinite,
}

/// The record of a malformed row, which is written as one JSON object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Record {
    /// The line of the input, from 1, including the header.
    pub line: u64,
    /// The column, from 1.
    pub column: Option<usize>,
    /// The name of the column, if it has one.
    pub field: Option<&'static str>,
    /// The stage that failed.
    pub stage: String,
    /// The error.
    pub error: String,
    /// The text of the field.
    pub text: Option<String>,
}

impl Record {
    /// Returns the record of a malformed row.
    pub fn new(line: u64, stage: &str, malformed: &Malformed) -> Self {
        Self {
            line,
            column: Some(malformed.column + 1),
            field: malformed.field,
            stage: stage.to_owned(),
            error: malformed.to_string(),
            text: Some(malformed.text.clone()),
        }
    }
}

impl Record {
    /// Returns the record of a line, where `before` is the number of lines before the first item.
    pub(crate) fn of(failure: &ItemFailure, before: u64) -> Self {
        let line = before + failure.item() + 1;
        match failure.error().downcast_ref() {
            Some(malformed) => Self::new(line, failure.stage(), malformed),
            // The failure is a panic, which has no column.
            None => Self {
                line,
                column: None,
                field: None,
                stage: failure.stage().to_owned(),
                error: failure.error().to_string(),
                text: None,
            },
        }
    }
}
