//! Rows that cannot be converted.

use serde::Serialize;
use upbeat_work::pipeline::ItemFailure;

use crate::COLUMNS;

/// What is wrong with a row, and in which column.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct Malformed {
    /// The column, from 0.
    pub column: usize,
    /// What is wrong there.
    pub problem: Problem,
    /// What stands there.
    pub text: String,
}

/// What may be wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The row ends before it.
    #[error("the field is missing")]
    Missing,
    /// There should be no such field.
    #[error("there are more than {} fields", COLUMNS.len())]
    TooMany,
    /// A quote is opened and not closed in this line.
    #[error("a quote is not closed")]
    OpenQuote,
    /// The number of a row is a whole number, and not negative.
    #[error("not a whole number")]
    NotWhole,
    /// It is no decimal number.
    #[error("not a number")]
    NotANumber,
    /// JSON has no infinity, and no NaN.
    #[error("not a finite number")]
    NotFinite,
}

/// How a malformed row is told: one JSON object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Record {
    /// The line of the input, from 1, the header included.
    pub line: u64,
    /// The column, from 1.
    pub column: Option<usize>,
    /// The column's name, if it has one.
    pub field: Option<&'static str>,
    /// In which stage it failed.
    pub stage: String,
    /// What is wrong.
    pub error: String,
    /// What stands there.
    pub text: Option<String>,
}

impl Record {
    /// Of a row that is malformed.
    pub fn new(line: u64, stage: &str, malformed: &Malformed) -> Self {
        Self {
            line,
            column: Some(malformed.column + 1),
            field: COLUMNS.get(malformed.column).copied(),
            stage: stage.to_owned(),
            error: malformed.to_string(),
            text: Some(malformed.text.clone()),
        }
    }
}

impl From<&ItemFailure> for Record {
    fn from(failure: &ItemFailure) -> Self {
        let line = failure.item() + 1;
        match failure.error().downcast_ref() {
            Some(malformed) => Self::new(line, failure.stage(), malformed),
            // A panic: nothing is known of the place.
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
