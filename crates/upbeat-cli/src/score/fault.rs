//! What can be wrong in a score file: where, what, and what to write instead.

use std::{collections::HashSet, ops::Range};

/// A place in the source, in bytes.
pub(crate) type Span = Range<usize>;

/// One thing that is wrong, at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Where the reader should look first.
    pub(crate) span: Span,
    /// What is wrong, as a lower-case fragment.
    pub(crate) message: String,
    /// What the marked place is; may be empty.
    pub(crate) label: String,
    /// Other places that take part, each with its label.
    pub(crate) also: Vec<(Span, String)>,
    /// What to write instead.
    pub(crate) help: Option<String>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The file is not TOML here.
    Syntax,
    /// Something that has to be there is not.
    Missing,
    /// Any other fault.
    Wrong,
    /// Playable, but probably not what was meant.
    Doubtful,
}

impl Fault {
    /// Something written at `span` is wrong.
    pub(crate) fn new(span: Span, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), label: String::new(), also: Vec::new(), help: None, kind: Kind::Wrong }
    }

    /// The parser gave up at `span`.
    pub(crate) fn syntax(span: Span, message: impl Into<String>) -> Self {
        Self { kind: Kind::Syntax, ..Self::new(span, message) }
    }

    /// What belongs to the table named at `span` is not there.
    pub(crate) fn missing(span: Span, message: impl Into<String>) -> Self {
        Self { kind: Kind::Missing, ..Self::new(span, message) }
    }

    /// What is written at `span` can be played, but is probably not what was meant.
    pub(crate) fn warning(span: Span, message: impl Into<String>) -> Self {
        Self { kind: Kind::Doubtful, ..Self::new(span, message) }
    }

    /// Says what the marked place is.
    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Marks another place that takes part.
    pub(crate) fn also(mut self, span: Span, label: impl Into<String>) -> Self {
        self.also.push((span, label.into()));
        self
    }

    /// Says what to write instead.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Whether the score can be played all the same.
    pub(crate) fn is_warning(&self) -> bool {
        self.kind == Kind::Doubtful
    }
}

/// Collects faults, so that one run shows them all.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    /// Adds a fault and goes on.
    pub(crate) fn push(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// Whether anything was found that keeps the score from being played.
    pub(crate) fn are_fatal(&self) -> bool {
        self.0.iter().any(|fault| !fault.is_warning())
    }

    /// The faults in the order of the file, without those that only follow from a syntax error.
    ///
    /// After a syntax error the parser goes on with what it can make out. What seems to be wrong on the same line is an echo
    /// of it, and what seems to be missing may be what had to be skipped.
    pub(crate) fn into_sorted(self, source: &str) -> Vec<Fault> {
        let line = |fault: &Fault| source.bytes().take(fault.span.start).filter(|byte| *byte == b'\n').count();
        let mut faults = self.0;
        faults.sort_by_key(|fault| (fault.span.start, fault.span.end));

        let mut broken = HashSet::new();
        faults.retain(|fault| fault.kind != Kind::Syntax || broken.insert(line(fault)));
        faults.retain(|fault| match fault.kind {
            Kind::Syntax => true,
            Kind::Missing => broken.is_empty(),
            Kind::Wrong | Kind::Doubtful => !broken.contains(&line(fault)),
        });
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_come_in_the_order_of_the_file() {
        let mut faults = Faults::default();
        faults.push(Fault::new(5..6, "second"));
        faults.push(Fault::missing(1..2, "first"));
        let messages: Vec<_> = faults.into_sorted("a\nb\nc\nd\n").into_iter().map(|fault| fault.message).collect();
        assert_eq!(messages, ["first", "second"]);
    }

    #[test]
    fn a_syntax_error_silences_its_echoes_only() {
        let mut faults = Faults::default();
        faults.push(Fault::syntax(4..5, "syntax"));
        faults.push(Fault::syntax(5..6, "stumbling on"));
        faults.push(Fault::new(6..7, "echo on the same line"));
        faults.push(Fault::missing(0..1, "may have been skipped"));
        faults.push(Fault::new(9..10, "on its own"));
        let messages: Vec<_> = faults.into_sorted("aa\nbbbbb\ncc").into_iter().map(|fault| fault.message).collect();
        assert_eq!(messages, ["syntax", "on its own"]);
    }
}
