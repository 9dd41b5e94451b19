//! The program `upbeat`: plays a score of built-in servers.

mod args;
mod builtin;
mod check;
mod console;
mod door;
mod log;
mod orchestra;
mod play;
mod refusal;
mod score;

use std::process::ExitCode;

use clap::Parser as _;
use upbeat::exit_code;

use crate::{
    args::{Arguments, Command},
    refusal::Refusal,
    score::{Score, Source},
};

fn main() -> ExitCode {
    match Arguments::try_parse().map_err(Refusal::from).and_then(|arguments| run(&arguments)) {
        Ok(code) => code,
        Err(refusal) => refusal.explain(),
    }
}

/// Does what was asked for. A score is read to its end, and every fault of it found, before anything is bound or started.
fn run(arguments: &Arguments) -> Result<ExitCode, Refusal> {
    match arguments.command() {
        Command::Play { score: path } => {
            let source = path.map_or_else(|| Ok(Source::embedded()), |path| Source::read(&path))?;
            let score = playable(&source)?;
            Ok(play::play(score, arguments))
        }
        Command::Check { score: path } => {
            let source = Source::read(&path)?;
            let score = playable(&source)?;
            console::complain(&score::render(&score.warnings, &source, console::colours()));
            answer(&check::describe(&score, &source))
        }
        Command::Score => answer(&Source::embedded().text),
    }
}

fn playable(source: &Source) -> Result<Score, Refusal> {
    score::parse(source).map_err(|faults| Refusal::Faulty { source: source.clone(), faults })
}

fn answer(text: &str) -> Result<ExitCode, Refusal> {
    console::print(text)?;
    Ok(ExitCode::from(exit_code::OK))
}
