//! The contender in Go.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/grep.go");

/// Builds the contender in the folder of this program, if `go` is installed.
pub(super) fn build() -> Result<Option<PathBuf>> {
    let program = std::env::current_exe()?.with_file_name("upbeat-bench-grep-go");
    let mut go = Command::new("go");
    match go.arg("build").arg("-o").arg(&program).arg(SOURCE).env("GO111MODULE", "off").status() {
        Ok(status) => ensure!(status.success(), "go build failed: {status}"),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    Ok(Some(program))
}

/// Runs the contender once, after a warm-up.
pub(super) fn search(program: &Path, pattern: &str, tree: &str) -> Result<[f64; 4]> {
    let output = Command::new(program).args([pattern, tree, "2"]).env("GOMAXPROCS", "2").output()?;
    ensure!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let numbers: Option<Vec<f64>> = text.split_whitespace().map(|word| word.parse().ok()).collect();
    numbers.and_then(|numbers| numbers.try_into().ok()).with_context(|| format!("{text:?} is not four numbers"))
}
