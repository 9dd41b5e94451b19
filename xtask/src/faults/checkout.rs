//! The copy of the checkout that the faults are put into.

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use super::catch::Catch;
use crate::{suites, workspace};

/// A copy of all files that git tracks or would add.
///
/// It is kept between calls, so that only changed files are built again.
#[derive(Debug)]
pub(super) struct Checkout {
    copy: PathBuf,
}

impl Checkout {
    /// Makes the copy equal to the user's checkout.
    pub(super) fn copy() -> io::Result<Self> {
        let checkout = Self { copy: workspace::root().join("target/faults/tree") };
        let files = workspace::files(workspace::root())?;
        checkout.remove_others(&checkout.copy, &files.iter().map(String::as_str).collect())?;
        for file in &files {
            checkout.restore(file)?;
        }
        Ok(checkout)
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

    /// Replaces the text of a file in the copy.
    pub(super) fn write(&self, file: &str, text: &str) -> io::Result<()> {
        fs::write(self.copy.join(file), text)
    }

    /// Makes a file equal to the user's. An equal one keeps its time, so that it is not built
    /// again.
    pub(super) fn restore(&self, file: &str) -> io::Result<()> {
        let (from, to) = (workspace::root().join(file), self.copy.join(file));
        let right = fs::read(from)?;
        if fs::read(&to).is_ok_and(|there| there == right) {
            return Ok(());
        }
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(to, right)
    }

    /// Builds the test program of `catch`.
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
            // The library's optional parts have faults, too. The ladder's packages have features
            // that do nothing.
            .args(catch.folder.starts_with("crates/").then_some("--all-features"))
            // Not the user's: the code that is built here is wrong on purpose.
            .env("CARGO_TARGET_DIR", workspace::root().join("target/faults/target"))
            .env("UPBEAT_SHUTTLE_RUNS", suites::from_outside("UPBEAT_SHUTTLE_RUNS", "5000"))
            .env("PROPTEST_CASES", suites::from_outside("PROPTEST_CASES", "20000"))
            .env("RUST_BACKTRACE", "0");
        cargo
    }
}
