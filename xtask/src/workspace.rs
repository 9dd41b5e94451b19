//! The checkout that the tasks work on.

use std::{io, path::Path, process::Command};

/// Returns the folder of the workspace that this program was built from.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Returns a command for the cargo that runs this program, so that a `+toolchain` choice holds for
/// every step.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root());
    cargo
}

/// Returns what `git ARGUMENTS` prints in `folder`.
///
/// # Errors
///
/// Fails if git cannot be started or exits with an error; the error is what git wrote.
pub(crate) fn git(folder: &Path, arguments: &[&str]) -> io::Result<String> {
    let output = Command::new("git").args(arguments).current_dir(folder).output()?;
    if !output.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).trim_end().to_owned()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Returns the files of `checkout` that git tracks or would add, relative to it.
///
/// A file that is tracked but deleted is left out.
pub(crate) fn files(checkout: &Path) -> io::Result<Vec<String>> {
    let listed = git(checkout, &["ls-files", "-z", "--cached", "--others", "--exclude-standard"])?;
    let mut files: Vec<_> =
        listed.split_terminator('\0').filter(|file| checkout.join(file).is_file()).map(str::to_owned).collect();
    files.sort();
    files.dedup();
    Ok(files)
}
