use std::fmt;

/// One place in the prose that breaks a rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ProseFinding {
    pub(super) path: String,
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) problem: Problem,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Problem {
    /// A word of the list.
    Word { word: String, instead: String },
    /// A first line of docs that begins with a question word.
    FirstLine { word: String },
    /// A comment that ends in this column.
    TooLong { columns: usize },
}

impl fmt::Display for ProseFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, column, problem } = self;
        write!(f, "{path}:{line}:{column}: ")?;
        match problem {
            Problem::Word { word, instead } => write!(f, "{word} → {instead}"),
            Problem::FirstLine { word } => {
                write!(f, "docs begin with {word} → a verb (\"Returns …\") for a function, else a noun (\"The …\")")
            }
            Problem::TooLong { columns } => write!(f, "comment of {columns} columns → wrap it at 100"),
        }
    }
}
