//! Faults of a score file: position, message and fix.

use std::{collections::HashSet, ops::Range};

/// A range of the source, in bytes.
pub(crate) type Span = Range<usize>;

/// One fault or warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The primary position.
    pub(crate) span: Span,
    /// The message, as a lower-case fragment.
    pub(crate) message: String,
    /// The label of the primary position; may be empty.
    pub(crate) label: String,
    /// Related positions, each with its label.
    pub(crate) also: Vec<(Span, String)>,
    /// The fix.
    pub(crate) help: Option<String>,
    kind: FaultKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FaultKind {
    /// The text is not TOML.
    Syntax,
    /// A required key or table is missing.
    Missing,
    /// Any other fault.
    Invalid,
    /// The score can be played, but its effect is probably not intended.
    Warning,
}

impl Fault {
    /// Returns a fault of the text at `span`.
    pub(crate) fn new(span: Span, message: impl Into<String>) -> Self {
        let kind = FaultKind::Invalid;
        Self { span, message: message.into(), label: String::new(), also: Vec::new(), help: None, kind }
    }

    /// Returns a syntax error at `span`.
    pub(crate) fn syntax(span: Span, message: impl Into<String>) -> Self {
        Self { kind: FaultKind::Syntax, ..Self::new(span, message) }
    }

    /// Returns the fault of the table named at `span` that a required key or table is missing.
    pub(crate) fn missing(span: Span, message: impl Into<String>) -> Self {
        Self { kind: FaultKind::Missing, ..Self::new(span, message) }
    }

    /// Returns a warning about the text at `span`.
    pub(crate) fn warning(span: Span, message: impl Into<String>) -> Self {
        Self { kind: FaultKind::Warning, ..Self::new(span, message) }
    }

    /// Sets the label of the primary position.
    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Adds a related position.
    pub(crate) fn also(mut self, span: Span, label: impl Into<String>) -> Self {
        self.also.push((span, label.into()));
        self
    }

    /// Sets the fix.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Returns whether the score can be played despite this.
    pub(crate) fn is_warning(&self) -> bool {
        self.kind == FaultKind::Warning
    }
}

/// A collection of faults. A parser that finds a fault adds it and continues, so that one run
/// lists all faults.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    /// Adds a fault.
    pub(crate) fn push(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// Returns whether the score cannot be played.
    pub(crate) fn are_fatal(&self) -> bool {
        self.0.iter().any(|fault| !fault.is_warning())
    }

    /// Returns the faults in the order of the file, without those that a syntax error causes.
    ///
    /// After a syntax error the TOML parser continues with a guess. It causes each other fault on
    /// the same line, and a key that seems to be missing may have been skipped.
    pub(crate) fn into_sorted(self, source: &str) -> Vec<Fault> {
        let line = |fault: &Fault| source.bytes().take(fault.span.start).filter(|byte| *byte == b'\n').count();
        let mut faults = self.0;
        faults.sort_by_key(|fault| (fault.span.start, fault.span.end));

        let mut broken = HashSet::new();
        faults.retain(|fault| fault.kind != FaultKind::Syntax || broken.insert(line(fault)));
        faults.retain(|fault| match fault.kind {
            FaultKind::Syntax => true,
            FaultKind::Missing => broken.is_empty(),
            FaultKind::Invalid | FaultKind::Warning => !broken.contains(&line(fault)),
        });
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_sorted_by_position() {
        let mut faults = Faults::default();
        faults.push(Fault::new(5..6, "second"));
        faults.push(Fault::missing(1..2, "first"));
        let messages: Vec<_> = faults.into_sorted("a\nb\nc\nd\n").into_iter().map(|fault| fault.message).collect();
        assert_eq!(messages, ["first", "second"]);
    }

    #[test]
    fn a_syntax_error_hides_only_the_faults_it_causes() {
        let mut faults = Faults::default();
        faults.push(Fault::syntax(4..5, "syntax"));
        faults.push(Fault::syntax(5..6, "another on the same line"));
        faults.push(Fault::new(6..7, "caused on the same line"));
        faults.push(Fault::missing(0..1, "may have been skipped"));
        faults.push(Fault::new(9..10, "independent"));
        let messages: Vec<_> = faults.into_sorted("aa\nbbbbb\ncc").into_iter().map(|fault| fault.message).collect();
        assert_eq!(messages, ["syntax", "independent"]);
    }
}
