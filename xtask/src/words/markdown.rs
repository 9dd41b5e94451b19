//! The prose of Markdown files and of seeded faults.

use std::io;

use super::prose::{Fence, Prose, ProseKind};

/// Returns the lines of a page that are checked: not code, not quotes in decisions, and of a
/// changelog only what is unreleased.
#[expect(clippy::unnecessary_wraps, reason = "readers of all kinds of files have one signature")]
pub(super) fn prose(path: &str, text: &str) -> io::Result<Vec<Prose>> {
    let is_changelog = path.ends_with("CHANGELOG.md");
    let may_quote = path.starts_with("docs/decisions/");
    let mut fence = Fence::default();
    let mut sections = 0;
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        sections += usize::from(line.starts_with("## "));
        if is_changelog && sections > 1 {
            break;
        }
        let Some(prose) = fence.prose(line).filter(|_| !(may_quote && line.starts_with('>'))) else { continue };
        let column = line.chars().count() - prose.chars().count() + 1;
        lines.push(Prose { line: index + 1, column, text: prose.to_owned(), kind: ProseKind::Page });
    }
    Ok(lines)
}

/// Returns the description at the start of a seeded fault.
pub(super) fn fault(path: &str, text: &str) -> io::Result<Vec<Prose>> {
    let description = text.split("\ncaught by ").next().unwrap_or(text);
    prose(path, description)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(path: &str, text: &str) -> Vec<String> {
        prose(path, text).unwrap().into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn a_fault_has_prose_up_to_its_catches() {
        let lines = fault("a.fault", "a\n\ncaught by b: c d e\nin f g\n-h\n").unwrap();
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].text, "a");
    }

    #[test]
    fn the_history_of_a_changelog_and_quotes_in_decisions_stay() {
        assert_eq!(texts("CHANGELOG.md", "## [Unreleased]\na\n## 0.1\nb"), ["## [Unreleased]", "a"]);
        assert_eq!(texts("docs/decisions/1.md", "> a\nb"), ["b"]);
        assert_eq!(texts("README.md", "> a\n## b\n## c"), ["> a", "## b", "## c"]);
    }
}
