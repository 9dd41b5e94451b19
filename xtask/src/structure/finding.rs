use std::fmt;

/// One place that breaks a rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Finding {
    /// The file, or the folder if it is about a folder, relative to the checkout.
    pub(super) path: String,
    /// 0 if it is about the whole of it.
    pub(super) line: usize,
    /// The rule's name.
    pub(super) rule: &'static str,
    /// The fault, and the remedy.
    pub(super) text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, rule, text } = self;
        match line {
            0 => write!(f, "{path}: {rule}: {text}"),
            _ => write!(f, "{path}:{line}: {rule}: {text}"),
        }
    }
}
