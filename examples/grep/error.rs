//! What can go wrong: a pattern before anything starts, a file while the others go on.

use std::{
    error::Error as StdError,
    io,
    path::{Path, PathBuf},
};

/// A pattern that cannot be searched for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BadPattern {
    /// It is no regular expression. The text shows it with a mark below the place.
    #[error(transparent)]
    Syntax(#[from] Box<regex_syntax::Error>),
    /// It is one that could never match within a line, or that is too large.
    #[error(transparent)]
    Unfit(#[from] grep_regex::Error),
}

/// A file or directory that could not be read, or not to its end. Its source says why.
#[derive(Debug, thiserror::Error)]
#[error("{}", path.display())]
pub struct SearchError {
    path: PathBuf,
    source: io::Error,
}

impl SearchError {
    pub(crate) fn new(path: &Path, source: io::Error) -> Self {
        Self { path: path.to_owned(), source }
    }

    /// The walk's errors are wrapped more than once, and each wrapper names the path anew.
    pub(crate) fn of_walk(error: ignore::Error) -> Self {
        let path = path_of(&error).map(Path::to_owned).unwrap_or_default();
        let source = match error.io_error().and_then(system_error) {
            Some(code) => io::Error::from_raw_os_error(code),
            None => io::Error::other(error),
        };
        Self { path, source }
    }
}

fn path_of(error: &ignore::Error) -> Option<&Path> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => path_of(err),
        ignore::Error::Loop { child, .. } => Some(child),
        _ => None,
    }
}

fn system_error(error: &io::Error) -> Option<i32> {
    let inner = || error.source()?.downcast_ref::<io::Error>()?.raw_os_error();
    error.raw_os_error().or_else(inner)
}
