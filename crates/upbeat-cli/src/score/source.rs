//! The source of a score.

use std::{
    borrow::Cow,
    fs, io,
    path::{Path, PathBuf},
};

/// The score that is played when no file is named.
const DEFAULT: &str = include_str!("default.toml");

/// The text of a score and its origin.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// The name in messages, such as a path.
    pub(crate) name: String,
    /// The text.
    pub(crate) text: Cow<'static, str>,
    /// The folder at which relative paths start.
    pub(crate) folder: PathBuf,
}

/// The error of a score file that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("failed to read the score `{}`", .path.display())]
pub(crate) struct ReadError {
    path: PathBuf,
    /// The error of the system.
    pub(crate) source: io::Error,
}

impl Source {
    /// Returns the built-in score.
    pub(crate) fn embedded() -> Self {
        Self { name: "the built-in score".to_owned(), text: Cow::Borrowed(DEFAULT), folder: PathBuf::new() }
    }

    /// Reads a score file.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or is not UTF-8.
    pub(crate) fn read(path: &Path) -> Result<Self, ReadError> {
        let text = fs::read_to_string(path).map_err(|source| ReadError { path: path.to_owned(), source })?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        Ok(Self { name: path.display().to_string(), text: Cow::Owned(text), folder })
    }
}

impl ReadError {
    /// Returns a way to fix the error.
    pub(crate) fn help(&self) -> &'static str {
        match self.source.kind() {
            io::ErrorKind::NotFound => {
                "check the path, or start from a copy of the built-in score: `upbeat score > score.toml`"
            }
            io::ErrorKind::PermissionDenied => "make the file readable for the user that runs `upbeat`",
            io::ErrorKind::IsADirectory => "name the file in the folder, such as `score.toml`",
            io::ErrorKind::InvalidData => "save the score as UTF-8",
            _ => "check the path and the file",
        }
    }
}
