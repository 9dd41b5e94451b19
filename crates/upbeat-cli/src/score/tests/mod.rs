//! What a score is read as, and what is said of one that cannot be played.

mod played;
mod refused;

use std::{fs, path::PathBuf, time::Duration};

use tempfile::TempDir;
use upbeat_score::{Condition, OnFailure, RestartWhen};

use super::{Fault, Kind, LogStyle, Score, Source, parse, render, stop_path};

const WEB: &str = "[server.web]\nkind = \"hello\"\nbind = \"127.0.0.1:0\"\n";

fn source(text: impl Into<String>) -> Source {
    Source { name: "test.toml".to_owned(), text: text.into().into(), folder: PathBuf::new() }
}

fn score(text: impl Into<String>) -> Score {
    let source = source(text);
    parse(&source).unwrap_or_else(|faults| panic!("{}", render(&faults, &source, false)))
}

/// Where each fault is and what it says, as `line:column message`.
fn said(text: impl Into<String>, faults: &[Fault]) -> Vec<String> {
    let text = text.into();
    let place = |fault: &Fault| {
        let before = &text[..fault.span.start];
        let line = before.rfind('\n').map_or(0, |newline| newline + 1);
        format!("{}:{}", before.matches('\n').count() + 1, before[line..].chars().count() + 1)
    };
    faults.iter().map(|fault| format!("{} {}", place(fault), fault.message)).collect()
}

/// The faults of a score that cannot be played.
fn faults(text: impl Into<String>) -> Vec<String> {
    let text = text.into();
    let faults = parse(&source(text.as_str())).expect_err("the score has no faults");
    said(text, &faults)
}

/// The faults of one server with these lines, which begin in line 4.
fn faults_of_web(lines: &str) -> Vec<String> {
    faults(format!("{WEB}{lines}"))
}
