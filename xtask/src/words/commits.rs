//! Subjects of commits.

use std::{io, path::Path};

use crate::workspace::git;

const LAST: &str = "-20";
const MAX_LENGTH: usize = 72;

/// Returns a warning for each of the last commits whose subject is too long; none if the history is
/// not there.
pub(super) fn long_subjects(checkout: &Path) -> io::Result<Vec<String>> {
    if git(checkout, &["rev-parse", "--is-shallow-repository"])?.trim() == "true" {
        return Ok(Vec::new());
    }
    let log = git(checkout, &["log", LAST, "--no-merges", "--format=%h %s"])?;
    Ok(log.lines().filter_map(warning).collect())
}

fn warning(line: &str) -> Option<String> {
    let (commit, subject) = line.split_once(' ')?;
    let length = subject.chars().count();
    (length > MAX_LENGTH).then(|| format!("commit {commit}: a subject of {length} characters, at most {MAX_LENGTH}"))
}

#[cfg(test)]
mod tests {
    use super::warning;

    #[test]
    fn a_subject_has_at_most_72_characters() {
        assert_eq!(warning(&format!("abc {}", "x".repeat(72))), None);
        assert!(warning(&format!("abc {}", "x".repeat(73))).is_some());
    }
}
