//! The program `upbeat`: plays a score of built-in servers.

mod args;
mod builtin;
mod check;
mod conductor;
mod console;
mod error;
mod limits;
mod log;
mod play;
mod runtime;
mod score;
mod stop_status;

use std::process::ExitCode;

use clap::Parser as _;
use upbeat::exit_code;

use crate::{
    args::{Arguments, Command},
    error::Error,
    score::{Score, Source},
};

fn main() -> ExitCode {
    match Arguments::try_parse().map_err(Error::from).and_then(|arguments| run(&arguments)) {
        Ok(code) => code,
        Err(error) => error.print(),
    }
}

/// Runs the command. A score is parsed in full, and all its faults are collected, before any
/// address is bound or any server is started.
fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    match arguments.command() {
        Command::Play { score: path } => {
            let source = path.map_or_else(|| Ok(Source::embedded()), |path| Source::read(&path))?;
            let score = parse(&source)?;
            Ok(play::play(score, arguments))
        }
        Command::Check { score: path } => {
            let source = Source::read(&path)?;
            let score = parse(&source)?;
            console::print_error(&score::render(&score.warnings, &source, console::colors()));
            print(&check::describe(&score, &source))
        }
        Command::Score => print(&Source::embedded().text),
    }
}

fn parse(source: &Source) -> Result<Score, Error> {
    score::parse(source).map_err(|faults| Error::InvalidScore { source: source.clone(), faults })
}

fn print(text: &str) -> Result<ExitCode, Error> {
    console::print(text)?;
    Ok(ExitCode::from(exit_code::OK))
}
