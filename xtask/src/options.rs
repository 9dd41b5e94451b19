//! The arguments of the checks.

use std::path::PathBuf;

use crate::workspace;

/// The arguments of a check: `[--figures] [--root DIR] [NAME…]`.
#[derive(Debug)]
pub(crate) struct CheckOptions {
    /// Only the figures are printed, and nothing is a failure.
    pub(crate) figures: bool,
    /// The checkout that is looked at.
    pub(crate) root: PathBuf,
    /// The crates or paths that are looked at; all of them if there are none.
    pub(crate) only: Vec<String>,
}

impl CheckOptions {
    /// Reads the arguments; the error is a message.
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self { figures: false, root: workspace::root().to_owned(), only: Vec::new() };
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--figures" => options.figures = true,
                "--root" => options.root = arguments.next().ok_or("`--root` needs a folder")?.into(),
                unknown if unknown.starts_with('-') => return Err(format!("unknown option `{unknown}`")),
                _ => options.only.push(argument),
            }
        }
        Ok(options)
    }
}
