/// A line of text that a person reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Prose {
    /// Both count from 1.
    pub(super) line: usize,
    /// The column at which `text` begins.
    pub(super) column: usize,
    pub(super) text: String,
    pub(super) kind: ProseKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProseKind {
    /// `///` or `//!`; the first line of a block of these begins it.
    Doc { is_first: bool },
    /// Any other comment.
    Comment,
    /// A line of a Markdown file.
    Page,
    /// A string that is a sentence.
    Text,
    /// The name of a test, its words with spaces in between.
    TestName,
}

impl Prose {
    /// Returns whether it is a comment of any kind.
    pub(super) fn is_comment(&self) -> bool {
        matches!(self.kind, ProseKind::Doc { .. } | ProseKind::Comment)
    }
}

/// Replaces what is not prose by spaces: code between backticks, targets of links, addresses.
pub(super) fn without_code(text: &str) -> String {
    let mut plain = blank_between(text, "`", "`");
    plain = blank_between(&plain, "](", ")");
    for scheme in ["http://", "https://"] {
        plain = blank_between(&plain, scheme, " ");
    }
    plain
}

fn blank_between(text: &str, open: &str, close: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(open) {
        let inside = &rest[start + open.len()..];
        let end = match inside.find(close) {
            Some(end) => start + open.len() + end + close.len(),
            None if close == " " => rest.len(),
            None => break,
        };
        plain.push_str(&rest[..start]);
        plain.extend(rest[start..end].chars().map(|_| ' '));
        rest = &rest[end..];
    }
    plain + rest
}

/// Keeps track of fenced code in a page or in a block of docs.
#[derive(Debug, Default)]
pub(super) struct Fence {
    is_open: bool,
}

impl Fence {
    /// Returns the prose of a line: all of it outside of a fence, and inside what follows `//`.
    pub(super) fn prose<'a>(&mut self, line: &'a str) -> Option<&'a str> {
        if line.trim_start().starts_with("```") {
            self.is_open = !self.is_open;
            return None;
        }
        if self.is_open {
            // Not the one of an address.
            return line.find("// ").map(|at| &line[at + 3..]);
        }
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_and_targets_of_links_are_blank() {
        let text = "a `door` [b](c/door.md) https://door d";
        let plain = without_code(text);
        assert_eq!(plain.len(), text.len());
        assert!(!plain.contains("door") && plain.ends_with('d'), "{plain}");
        assert_eq!(without_code("an open ` stays"), "an open ` stays");
    }

    #[test]
    fn only_comments_of_fenced_code_are_prose() {
        let mut fence = Fence::default();
        let lines = ["a", "```", "let door = 1; // b", "door", "```", "c"];
        let prose: Vec<_> = lines.iter().filter_map(|line| fence.prose(line)).collect();
        assert_eq!(prose, ["a", "b", "c"]);
    }
}
