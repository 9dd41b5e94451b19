//! Errors of patterns and of files.

use std::{
    error::Error as StdError,
    io,
    path::{Path, PathBuf},
};

/// The error of an invalid pattern.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPattern {
    /// The pattern is no regular expression. The text shows the pattern with the position.
    #[error(transparent)]
    Syntax(#[from] Box<regex_syntax::Error>),
    /// The pattern cannot match within a line, or is too large.
    #[error(transparent)]
    Unsupported(#[from] grep_regex::Error),
}

/// The error of a file or directory that cannot be read. Its source is the reason.
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

    /// Converts an error of the walk, which may be wrapped several times, each time with its path.
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
