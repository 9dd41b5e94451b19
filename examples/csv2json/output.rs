//! The output of the rows.

use std::{
    env,
    fs::{self, File, Permissions},
    io::{self, IsTerminal as _, Seek as _, Write},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use tempfile::{Builder, NamedTempFile, TempPath};

/// The output of the rows. A file is left unchanged unless the output is [kept](Output::keep).
#[derive(Debug)]
pub(crate) enum Output {
    Stdout,
    /// A pipe or a device, which is written directly.
    Device(File),
    /// A temporary file, in the folder of the output file if that is possible.
    Draft {
        file: File,
        draft: TempPath,
        path: PathBuf,
    },
}

/// The maximum number of links from a path to its file, as in Linux.
const MAX_LINKS: usize = 40;

impl Output {
    pub(crate) fn open(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path.filter(|path| !is_stdout(path)) else { return Ok(Self::Stdout) };
        let failed = || format!("failed to write {}", path.display());
        let path = target(path).with_context(failed)?;
        if fs::metadata(&path).is_ok_and(|about| !about.is_file()) {
            return Ok(Self::Device(File::options().write(true).open(path).with_context(failed)?));
        }
        let (file, draft) = draft(&path).with_context(failed)?.into_parts();
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
    ///
    /// A file that cannot be replaced, such as a mounted one, is overwritten. If that fails too,
    /// the error names the temporary file, which is kept.
    pub(crate) fn keep(self) -> Result<()> {
        let Self::Draft { mut file, draft, path } = self else { return Ok(()) };
        let Err(error) = draft.persist(&path) else { return Ok(()) };
        let Err(reason) = overwrite(&path, &mut file) else { return Ok(()) };
        match error.path.keep() {
            Ok(kept) => Err(reason)
                .with_context(|| format!("failed to write {}, the rows are in {}", path.display(), kept.display())),
            Err(_) => Err(reason).with_context(|| format!("failed to write {}", path.display())),
        }
    }
}

/// Returns whether a path is a name of the standard output. A file would be replaced, although
/// standard output may append to it.
fn is_stdout(path: &Path) -> bool {
    ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"].iter().any(|name| path.as_os_str() == *name)
}

/// Follows links, because the target of a link is replaced, and not the link itself.
fn target(path: &Path) -> Result<PathBuf> {
    if let Ok(path) = fs::canonicalize(path) {
        return Ok(path);
    }
    // Nothing is there yet, or it is a pipe behind a link of /dev.
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&path) {
            Ok(next) if fs::metadata(&path).is_err() => path = path.with_file_name("").join(next),
            _ => return Ok(path),
        }
    }
    bail!("too many levels of symbolic links")
}

/// Makes the temporary file, after a check that the rows can be moved from it to their file.
fn draft(path: &Path) -> Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // The permissions are those of any new file: all that the umask allows.
    let create = |folder: &Path| {
        Builder::new().prefix(".csv2json-").permissions(Permissions::from_mode(0o666)).tempfile_in(folder)
    };
    let beside = create(folder);
    match File::options().write(true).open(path) {
        // A file in a folder without write permission is overwritten at the end.
        Ok(_) => Ok(beside.or_else(|_| create(&env::temp_dir()))?),
        // A file that is read-only is replaced, unless its whole system is read-only.
        Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => Err(error.into()),
        Err(_) => Ok(beside?),
    }
}

/// Overwrites a file that is there with the contents of another one.
fn overwrite(path: &Path, with: &mut File) -> io::Result<()> {
    let mut file = File::options().write(true).truncate(true).open(path)?;
    with.rewind()?;
    io::copy(with, &mut file)?;
    file.sync_all()
}

/// Returns whether two paths refer to the same regular file.
pub(crate) fn is_same(one: &Path, other: &Path) -> bool {
    match (fs::metadata(one), fs::metadata(other)) {
        (Ok(one), Ok(other)) => one.is_file() && (one.dev(), one.ino()) == (other.dev(), other.ino()),
        _ => false,
    }
}
