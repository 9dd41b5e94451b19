//! What is asked.

use std::{num::NonZero, path::PathBuf, thread};

/// What is searched for, where, and what is shown of it.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct Query {
    /// The regular expression.
    pub pattern: String,
    /// Files and directories; none means the current directory, `-` the standard input.
    pub paths: Vec<PathBuf>,
    /// Whether upper and lower case are the same.
    pub ignore_case: bool,
    /// What is shown of a match.
    pub show: Show,
    /// Whether it is shown in colours.
    pub colour: bool,
    /// Whether files and directories whose names begin with a dot are searched.
    pub hidden: bool,
    /// Whether files that `.gitignore`, `.ignore` and their like name are left out.
    pub heed_ignore_files: bool,
    /// Whether files come in the order of their paths, and not as they are finished.
    pub sort: bool,
    /// How many threads search.
    pub workers: usize,
}

impl Query {
    /// This pattern in all files below the current directory, as `grep -rn` has it, on all processors.
    pub fn new(pattern: impl Into<String>) -> Self {
        Self {
            pattern: pattern.into(),
            paths: Vec::new(),
            ignore_case: false,
            show: Show::Lines,
            colour: false,
            hidden: true,
            heed_ignore_files: false,
            sort: false,
            workers: thread::available_parallelism().map_or(1, NonZero::get),
        }
    }
}

/// What is shown of a match.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Show {
    /// Each line that matches, with its number.
    #[default]
    Lines,
    /// The names of files that have one.
    Files,
    /// For each file how many it has.
    Counts,
}
