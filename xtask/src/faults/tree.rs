//! The copy of the tree that the faults are put into.

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use super::fault::Catch;
use crate::{
    suites,
    workspace::{self, root},
};

/// A copy of all files that git knows or would take. It stays where it is, so that the next time
/// only what has changed is built.
#[derive(Debug)]
pub(super) struct Tree {
    copy: PathBuf,
}

impl Tree {
    pub(super) fn copy() -> io::Result<Self> {
        let tree = Self { copy: root().join("target/faults/tree") };
        let listed = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(root())
            .output()?;
        if !listed.status.success() {
            return Err(io::Error::other(String::from_utf8_lossy(&listed.stderr).into_owned()));
        }
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        // What git still lists may be deleted.
        let files: HashSet<&str> = listed.split_terminator('\0').filter(|file| root().join(file).is_file()).collect();
        tree.remove_others(&tree.copy, &files)?;
        for file in files {
            tree.restore(file)?;
        }
        Ok(tree)
    }

    fn remove_others(&self, folder: &Path, files: &HashSet<&str>) -> io::Result<()> {
        if !folder.exists() {
            return Ok(());
        }
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let file = path.strip_prefix(&self.copy).unwrap_or(&path);
            if path.is_dir() {
                self.remove_others(&path, files)?;
            } else if !file.to_str().is_some_and(|file| files.contains(file)) {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }

    pub(super) fn read(&self, file: &str) -> io::Result<String> {
        fs::read_to_string(self.copy.join(file))
    }

    pub(super) fn write(&self, file: &str, text: &str) -> io::Result<()> {
        fs::write(self.copy.join(file), text)
    }

    /// Makes a file as it is in the user's tree. One that is so already keeps its age, so that it
    /// is not built again.
    pub(super) fn restore(&self, file: &str) -> io::Result<()> {
        let (from, to) = (root().join(file), self.copy.join(file));
        let right = fs::read(from)?;
        if fs::read(&to).is_ok_and(|there| there == right) {
            return Ok(());
        }
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(to, right)
    }

    /// Builds what `catch` runs.
    pub(super) fn build(&self, catch: &Catch) -> io::Result<Output> {
        self.cargo_test(catch).arg("--no-run").output()
    }

    /// Runs the one test.
    pub(super) fn test(&self, catch: &Catch) -> io::Result<Output> {
        self.cargo_test(catch).args(["--", "--exact", &catch.test]).output()
    }

    fn cargo_test(&self, catch: &Catch) -> Command {
        let mut cargo = workspace::cargo();
        cargo
            .current_dir(&self.copy)
            .args(["test", "--quiet", "--manifest-path", &format!("{}/Cargo.toml", catch.folder)])
            .args(["--test", &catch.program])
            // Not the user's: what is built here is wrong on purpose.
            .env("CARGO_TARGET_DIR", root().join("target/faults/target"))
            .env("UPBEAT_SHUTTLE_RUNS", suites::from_outside("UPBEAT_SHUTTLE_RUNS", "5000"))
            .env("PROPTEST_CASES", suites::from_outside("PROPTEST_CASES", "20000"))
            .env("RUST_BACKTRACE", "0");
        cargo
    }
}
