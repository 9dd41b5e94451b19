//! The prose of the checkout: words that may not come back, first lines of docs, comments that are
//! too long.
//!
//! Docs, comments, error, log and help texts and the names of tests are prose; other names in code
//! are not. rustfmt could break comments (`comment_width`, `wrap_comments`), but only the nightly
//! one.

mod comments;
mod commits;
mod figures;
mod finding;
mod list;
mod markdown;
mod prose;
mod rules;
mod rust;

use std::{fs, io, process::ExitCode};

use crate::{console, options::CheckOptions, workspace};
use list::WordList;
use prose::Prose;

/// Checks the files that `options` select, and the subjects of the last commits.
pub(crate) fn run(options: &CheckOptions) -> io::Result<ExitCode> {
    let list = WordList::of_this_workspace()?;
    let mut findings = Vec::new();
    for path in workspace::files(&options.root)? {
        if !options.only.is_empty() && !options.only.iter().any(|only| path.starts_with(only)) {
            continue;
        }
        if let Some(read) = reader(&path) {
            let text = fs::read_to_string(options.root.join(&path))?;
            let prose = read(&path, &text).map_err(|error| io::Error::other(format!("{path}: {error}")))?;
            findings.extend(rules::check(&path, &prose, &list));
        }
    }
    findings.sort();
    if options.figures {
        console::print(&figures::table(&findings))?;
        return Ok(ExitCode::SUCCESS);
    }
    for finding in &findings {
        console::print(&format!("{finding}\n"))?;
    }
    for warning in commits::long_subjects(&options.root)? {
        console::print(&format!("warning: {warning}\n"))?;
    }
    if findings.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    console::print(&format!(
        "\n{}\n{} findings. The words are in xtask/words.txt.\n",
        figures::table(&findings),
        findings.len()
    ))?;
    Ok(ExitCode::FAILURE)
}

type Reader = fn(&str, &str) -> io::Result<Vec<Prose>>;

/// Returns what finds the prose in files of this kind.
fn reader(path: &str) -> Option<Reader> {
    match path.rsplit_once('.')?.1 {
        "rs" => Some(rust::prose),
        "md" => Some(markdown::prose),
        "toml" => Some(comments::of_toml),
        "fault" => Some(markdown::fault),
        _ => None,
    }
}
