//! The program `upbeat`: plays a score of built-in servers.

mod args;
mod builtin;
mod check;
mod console;
mod log;
mod score;

use std::process::ExitCode;

use clap::Parser as _;

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
        Command::Play { score: _ } => ExitCode::SUCCESS,
        Command::Check { score } => with_score(Source::read(&score), |score, source| {
            console::print(&check::describe(score, source)).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
        }),
        Command::Score => console::print(&Source::embedded().text).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS),
    }
}

/// Goes on with a score that can be played; says everything that is wrong with one that cannot.
fn with_score(source: Result<Source, score::Unreadable>, go_on: impl FnOnce(&Score, &Source) -> ExitCode) -> ExitCode {
    let source = match source {
        Ok(source) => source,
        Err(error) => {
            console::complain(&format!("error: {error}\nhelp: {}\n", error.help()));
            return ExitCode::from(78);
        }
    };
    match score::parse(&source) {
        Ok(score) => {
            console::complain(&score::render(&score.warnings, &source, console::colours()));
            go_on(&score, &source)
        }
        Err(faults) => {
            console::complain(&score::render(&faults, &source, console::colours()));
            let count = faults.iter().filter(|fault| !fault.is_warning()).count();
            let count = if count == 1 { "1 fault".to_owned() } else { format!("{count} faults") };
            console::complain(&format!("{}: {count}; nothing was started\n", source.name));
            ExitCode::from(78)
        }
    }
}

/// Help and versions are answers; everything else clap has to say is about a wrong command line.
fn refuse(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    if error.use_stderr() { ExitCode::from(64) } else { ExitCode::SUCCESS }
}
