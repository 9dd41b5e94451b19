//! Boxed errors, and errors with their sources as text.

use std::error::Error as StdError;

/// Any error a player may fail with.
pub type BoxError = Box<dyn StdError + Send + Sync + 'static>;

/// An error and all its sources on one line, leaving out those that the one before already quotes.
pub(crate) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text = format!("{text}: {next}");
        }
        source = error.source();
    }
    text
}
