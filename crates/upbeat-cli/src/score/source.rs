//! The source of a score.

use std::{
    borrow::Cow,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// The maximum size of a score in bytes, which is far more than a score has. A device may have no
/// end.
const MAX_SIZE: u64 = 4 * 1024 * 1024;

/// The path of the standard input.
const STDIN: &str = "-";

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
#[error("failed to read the score `{name}`")]
pub(crate) struct ReadError {
    name: String,
    /// The error of the system.
    pub(crate) source: io::Error,
}

impl Source {
    /// Returns the built-in score.
    pub(crate) fn embedded() -> Self {
        Self { name: "the built-in score".to_owned(), text: Cow::Borrowed(DEFAULT), folder: PathBuf::new() }
    }

    /// Reads a score file. The path `-` is the standard input.
    ///
    /// Relative paths in the score start at the folder of the file. A score from a pipe, a terminal
    /// or a descriptor has no folder: its paths start at the working directory.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is too large, or is not UTF-8.
    pub(crate) fn read(path: &Path) -> Result<Self, ReadError> {
        if path.as_os_str() == STDIN {
            let name = "standard input".to_owned();
            return match read_text(io::stdin()) {
                Ok(text) => Ok(Self { name, text: Cow::Owned(text), folder: PathBuf::new() }),
                Err(source) => Err(ReadError { name, source }),
            };
        }
        let name = name(path);
        let read = File::open(path).and_then(|file| {
            let has_folder = file.metadata()?.is_file() && !is_descriptor(path);
            Ok((read_text(file)?, has_folder))
        });
        let (text, has_folder) = match read {
            Ok(read) => read,
            Err(source) => return Err(ReadError { name, source }),
        };
        let folder = path.parent().filter(|_| has_folder).unwrap_or(Path::new("")).to_owned();
        Ok(Self { name, text: Cow::Owned(text), folder })
    }
}

fn read_text(from: impl Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    from.take(MAX_SIZE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_SIZE {
        let text = format!("larger than {} MiB", MAX_SIZE / 1024 / 1024);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not valid UTF-8"))
}

/// Returns whether a path names an open file, such as `/dev/stdin` or `/proc/self/fd/3`.
fn is_descriptor(path: &Path) -> bool {
    path.starts_with("/dev") || path.starts_with("/proc")
}

/// Returns a path as text. Characters that control the terminal are escaped.
fn name(path: &Path) -> String {
    let text = path.display().to_string();
    text.chars()
        .map(|letter| if letter.is_control() { letter.escape_default().to_string() } else { letter.into() })
        .collect()
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
            io::ErrorKind::FileTooLarge => "check the path: a score has some kilobytes",
            _ => "check the path and the file",
        }
    }
}
