//! Where a score comes from.

use std::{
    borrow::Cow,
    fs, io,
    path::{Path, PathBuf},
};

/// The score that is played when no file is named.
const DEFAULT: &str = include_str!("default.toml");

/// The text of a score and where it comes from.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// How messages call it.
    pub(crate) name: String,
    /// What it says.
    pub(crate) text: Cow<'static, str>,
    /// Where its relative folders start.
    pub(crate) folder: PathBuf,
}

/// A score file cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("failed to read the score `{}`: {error}", .path.display())]
pub(crate) struct Unreadable {
    path: PathBuf,
    #[source]
    error: io::Error,
}

impl Source {
    /// The embedded default score.
    pub(crate) fn embedded() -> Self {
        Self { name: "the default score".to_owned(), text: Cow::Borrowed(DEFAULT), folder: PathBuf::new() }
    }

    /// The score in a file.
    pub(crate) fn read(path: &Path) -> Result<Self, Unreadable> {
        let text = fs::read_to_string(path).map_err(|error| Unreadable { path: path.to_owned(), error })?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        Ok(Self { name: path.display().to_string(), text: Cow::Owned(text), folder })
    }
}

impl Unreadable {
    /// What to do about it.
    pub(crate) fn help(&self) -> &'static str {
        match self.error.kind() {
            io::ErrorKind::NotFound => {
                "check the path, or begin with a copy of the default score: `upbeat score > score.toml`"
            }
            io::ErrorKind::PermissionDenied => "make the file readable for the user that runs `upbeat`",
            io::ErrorKind::IsADirectory => "name the file in the folder, such as `score.toml`",
            io::ErrorKind::InvalidData => "a score is text in UTF-8; save it in that encoding",
            _ => "check the path and that the file can be read",
        }
    }
}
