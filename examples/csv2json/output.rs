//! The output of the rows.

use std::{
    fs::{self, File, Permissions},
    io::{self, IsTerminal as _, Write},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use tempfile::{Builder, TempPath};

/// The output of the rows. A file is left unchanged unless the output is [kept](Output::keep).
#[derive(Debug)]
pub(crate) enum Output {
    Stdout,
    /// A pipe or a device, which is written directly.
    Device(File),
    /// A temporary file in the folder of the output file.
    Draft {
        file: File,
        draft: TempPath,
        path: PathBuf,
    },
}

impl Output {
    pub(crate) fn open(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path else { return Ok(Self::Stdout) };
        let failed = || format!("failed to write {}", path.display());
        // The target of a link is replaced, not the link itself.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if fs::metadata(&path).is_ok_and(|about| !about.is_file()) {
            return Ok(Self::Device(File::options().write(true).open(path).with_context(failed)?));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // The permissions are those of any new file: all that the umask allows.
        let draft = Builder::new().prefix(".csv2json-").permissions(Permissions::from_mode(0o666)).tempfile_in(folder);
        let (file, draft) = draft.with_context(failed)?.into_parts();
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

    /// Moves a complete file to its name.
    pub(crate) fn keep(self) -> Result<()> {
        if let Self::Draft { draft, path, .. } = self {
            draft.persist(&path).with_context(|| format!("failed to write {}", path.display()))?;
        }
        Ok(())
    }
}

/// Returns whether two paths refer to the same regular file.
pub(crate) fn is_same(one: &Path, other: &Path) -> bool {
    match (fs::metadata(one), fs::metadata(other)) {
        (Ok(one), Ok(other)) => one.is_file() && (one.dev(), one.ino()) == (other.dev(), other.ino()),
        _ => false,
    }
}
