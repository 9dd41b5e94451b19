//! The program `upbeat`: plays a score of built-in servers.

mod args;
mod builtin;
mod check;
mod console;
mod log;
mod orchestra;
mod play;
mod score;

use std::{path::Path, process::ExitCode};

use clap::Parser as _;
use upbeat::exit_code;

use crate::{
    args::{Arguments, Command},
    score::{Score, Source},
};

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return refuse(&error),
    };
    match arguments.command() {
        Command::Play { score: None } => with_score(&Source::embedded(), |score| play::play(score, &arguments)),
        Command::Play { score: Some(path) } => {
            with_file(&path, |source| with_score(source, |score| play::play(score, &arguments)))
        }
        Command::Check { score: path } => with_file(&path, |source| {
            with_score(source, |score| {
                console::complain(&score::render(&score.warnings, source, console::colours()));
                answer(&check::describe(&score, source))
            })
        }),
        Command::Score => answer(&Source::embedded().text),
    }
}

/// Goes on with the score in a file; says why it cannot be read, and what to do.
fn with_file(path: &Path, go_on: impl FnOnce(&Source) -> ExitCode) -> ExitCode {
    match Source::read(path) {
        Ok(source) => go_on(&source),
        Err(error) => {
            console::complain(&format!("error: {error}\nhelp: {}\n", error.help()));
            ExitCode::from(exit_code::BAD_SCORE)
        }
    }
}

/// Goes on with a score that can be played; says everything that is wrong with one that cannot.
fn with_score(source: &Source, go_on: impl FnOnce(Score) -> ExitCode) -> ExitCode {
    match score::parse(source) {
        Ok(score) => go_on(score),
        Err(faults) => {
            let count = faults.iter().filter(|fault| !fault.is_warning()).count();
            let count = if count == 1 { "1 fault".to_owned() } else { format!("{count} faults") };
            console::complain(&score::render(&faults, source, console::colours()));
            console::complain(&format!("{}: {count}; nothing was started\n", source.name));
            ExitCode::from(exit_code::BAD_SCORE)
        }
    }
}

/// Writes what was asked for.
fn answer(text: &str) -> ExitCode {
    match console::print(text) {
        Ok(()) => ExitCode::from(exit_code::OK),
        Err(error) => {
            console::complain(&format!("error: failed to write to standard output: {error}\n"));
            ExitCode::from(exit_code::FAILED)
        }
    }
}

/// Help and versions are answers; everything else clap has to say is about a wrong command line.
fn refuse(error: &clap::Error) -> ExitCode {
    // If the message cannot be written there is no one left to tell.
    let _ = error.print();
    ExitCode::from(if error.use_stderr() { exit_code::USAGE } else { exit_code::OK })
}
