//! Tests of the parser.

mod faults;
mod valid;

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

/// Returns each fault as `line:column message`.
fn located(text: impl Into<String>, faults: &[Fault]) -> Vec<String> {
    let text = text.into();
    let position = |fault: &Fault| {
        let before = &text[..fault.span.start];
        let line = before.rfind('\n').map_or(0, |newline| newline + 1);
        format!("{}:{}", before.matches('\n').count() + 1, before[line..].chars().count() + 1)
    };
    faults.iter().map(|fault| format!("{} {}", position(fault), fault.message)).collect()
}

/// Returns the faults of a score.
fn faults(text: impl Into<String>) -> Vec<String> {
    let text = text.into();
    let faults = parse(&source(text.as_str())).expect_err("the score has no faults");
    located(text, &faults)
}

/// Returns the faults of a server with these lines, the first of which is line 4.
fn faults_of_web(lines: &str) -> Vec<String> {
    faults(format!("{WEB}{lines}"))
}
