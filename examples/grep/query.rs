//! The parameters of a search.

use std::{num::NonZero, path::PathBuf, thread};

/// The parameters of a search.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct Query {
    /// The regular expression.
    pub pattern: String,
    /// The files and directories. `-` is standard input, and no path is the current directory.
    pub paths: Vec<PathBuf>,
    /// `true` if upper and lower case are the same.
    pub ignore_case: bool,
    /// The output.
    pub show: Show,
    /// `true` if the output is colored.
    pub color: bool,
    /// `true` if hidden files and directories are searched.
    pub hidden: bool,
    /// `true` if files that `.gitignore`, `.ignore` and similar files exclude are skipped.
    pub respect_ignore_files: bool,
    /// `true` if files are sorted by path, `false` if they are in the order of their completion.
    pub sort: bool,
    /// The number of threads.
    pub workers: usize,
}

impl Query {
    /// Returns a search of all files below the current directory, as by `grep -rn`, on all
    /// processors.
    pub fn new(pattern: impl Into<String>) -> Self {
        Self {
            pattern: pattern.into(),
            paths: Vec::new(),
            ignore_case: false,
            show: Show::Lines,
            color: false,
            hidden: true,
            respect_ignore_files: false,
            sort: false,
            workers: thread::available_parallelism().map_or(1, NonZero::get),
        }
    }
}

/// The output of a search.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Show {
    /// Each matching line with its number.
    #[default]
    Lines,
    /// The name of each file with a match.
    Files,
    /// The number of matching lines of each file.
    Counts,
}
