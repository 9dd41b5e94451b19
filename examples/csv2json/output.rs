//! Where the rows go.

use std::{
    fs::{self, File, Permissions},
    io::{self, IsTerminal as _, Write},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use tempfile::{Builder, TempPath};

/// Where the rows go. What is not [kept](Output::keep) leaves no trace, where that is possible.
#[derive(Debug)]
pub(crate) enum Output {
    Stdout,
    /// A pipe or a device, which cannot be replaced and need not be.
    Device(File),
    /// A file beside the one that it is to be.
    Draft {
        file: File,
        draft: TempPath,
        path: PathBuf,
    },
}

impl Output {
    pub(crate) fn open(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path else { return Ok(Self::Stdout) };
        let cannot_write = || format!("cannot write {}", path.display());
        // What a link leads to is replaced, and not the link.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if fs::metadata(&path).is_ok_and(|about| !about.is_file()) {
            return Ok(Self::Device(File::options().write(true).open(path).with_context(cannot_write)?));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // As any new file: what others may do with it is the mask's business.
        let draft = Builder::new().prefix(".csv2json-").permissions(Permissions::from_mode(0o666)).tempfile_in(folder);
        let (file, draft) = draft.with_context(cannot_write)?.into_parts();
        Ok(Self::Draft { file, draft, path })
    }

    pub(crate) fn writer(&self) -> io::Result<Box<dyn Write + Send>> {
        Ok(match self {
            Self::Stdout => Box::new(io::stdout()),
            Self::Device(file) | Self::Draft { file, .. } => Box::new(file.try_clone()?),
        })
    }

    pub(crate) fn is_a_terminal(&self) -> bool {
        match self {
            Self::Stdout => io::stdout().is_terminal(),
            Self::Device(file) | Self::Draft { file, .. } => file.is_terminal(),
        }
    }

    /// All is written: the file gets its name.
    pub(crate) fn keep(self) -> Result<()> {
        if let Self::Draft { draft, path, .. } = self {
            draft.persist(&path).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }
}

/// Whether two paths lead to the same regular file.
pub(crate) fn is_same(one: &Path, other: &Path) -> bool {
    match (fs::metadata(one), fs::metadata(other)) {
        (Ok(one), Ok(other)) => one.is_file() && (one.dev(), one.ino()) == (other.dev(), other.ino()),
        _ => false,
    }
}
