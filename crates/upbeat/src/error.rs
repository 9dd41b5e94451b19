//! Boxed errors, and errors with their sources as text.

use std::error::Error as StdError;

/// Any error with which a player may fail.
pub type BoxError = Box<dyn StdError + Send + Sync + 'static>;

/// Returns an error and all its sources, the outermost first.
pub(crate) fn sources<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// Returns an error and all its sources on one line.
///
/// A source that the text before already ends with is left out, because many foreign errors quote
/// their source.
pub(crate) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    for source in sources(error).skip(1) {
        let next = source.to_string();
        if !text.ends_with(&next) {
            text = format!("{text}: {next}");
        }
    }
    text
}
