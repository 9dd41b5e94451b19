//! Boxed errors, and errors with their sources as text.

use std::error::Error as StdError;

/// Any error with which a player may fail.
pub type BoxError = Box<dyn StdError + Send + Sync + 'static>;

/// Returns an error and all its sources on one line.
///
/// A source that the text before already ends with is left out, because many foreign errors quote
/// their source.
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
