//! The figures of the prose, for tables of before and after.

use std::{collections::BTreeMap, fmt::Write as _};

use super::finding::{Problem, ProseFinding};

/// Returns a table in Markdown with a line for each folder, and how often each word is found.
pub(super) fn table(findings: &[ProseFinding]) -> String {
    let mut folders: BTreeMap<String, [usize; 3]> = BTreeMap::new();
    let mut words: BTreeMap<String, usize> = BTreeMap::new();
    for finding in findings {
        let column = match &finding.problem {
            Problem::Word { word, .. } => {
                *words.entry(word.to_lowercase()).or_default() += 1;
                0
            }
            Problem::FirstLine { .. } => 1,
            Problem::TooLong { .. } => 2,
        };
        for folder in [folder(&finding.path), "all".to_owned()] {
            folders.entry(folder).or_default()[column] += 1;
        }
    }
    let all = folders.remove("all").unwrap_or_default();
    let mut table = String::from(
        "| folder | words of the list | docs that begin with What, How … | comment lines over 100 |\n|---|---|---|---|\n",
    );
    for (folder, [words, first_lines, long]) in folders.into_iter().chain([("all".to_owned(), all)]) {
        let _ = writeln!(table, "| {folder} | {words} | {first_lines} | {long} |");
    }
    let mut words: Vec<_> = words.into_iter().collect();
    words.sort_by_key(|(word, count)| (std::cmp::Reverse(*count), word.clone()));
    let words: Vec<_> = words.into_iter().map(|(word, count)| format!("{word} {count}")).collect();
    let _ = writeln!(table, "\nWords: {}.", words.join(", "));
    table
}

/// Returns a crate of `crates`, another folder at the top, or a file at the top.
fn folder(path: &str) -> String {
    let parts = if path.starts_with("crates/") { 2 } else { 1 };
    path.split('/').take(parts).collect::<Vec<_>>().join("/")
}
