//! The project's tasks, written in Rust so that they run wherever the project builds.
//!
//! `cargo xtask` alone lists them.

mod browser;
mod console;
mod faults;
mod options;
mod sources;
mod step;
mod structure;
mod suites;
mod words;
mod workspace;

use std::{env, io, process::ExitCode};

use options::CheckOptions;

const HELP: &str = "\
The tasks of Upbeat.

Usage: cargo xtask <TASK>

Tasks:
  test       Everything a change must pass: format, lints, tests, docs, lean builds
  ladder     The slow checks: dependencies, long property tests, thousands of schedules, seeded
             faults, stop under load many times, a minute of each fuzz target
  structure  Checks which file imports which, and what belongs where: `structure [CRATE…]`
  words      Checks the words of docs, comments and texts: `words [PATH…]`
             `--figures` prints only the figures of these two, `--root DIR` selects another checkout
  faults     Puts each fault of ladder/faults into a copy of the checkout, and checks that it is
             caught: `faults [NAME]` selects those whose name contains NAME.
             `faults --check` only checks that each applies to exactly one place
  browser    Installs Chromium and its driver by apt-get, if they are missing, for tests of pages

`ladder` reads UPBEAT_LADDER_RUNS (how often each stop-under-load test repeats, 20 if not set),
PROPTEST_CASES (100000 if not set) and UPBEAT_SHUTTLE_RUNS (how many schedules each scenario sees
from each of two schedulers, 5000 if not set), and UPBEAT_FUZZ_SECONDS (how long each fuzz target
runs, 60 if not set). UPBEAT_SEED selects the random cases. If it is not
set, `ladder` draws one and prints it; `test` has the same cases every time.
";

/// The exit code of a wrong command line, as in `sysexits.h`.
const USAGE: u8 = 64;

fn main() -> io::Result<ExitCode> {
    let mut arguments = env::args().skip(1);
    let task = arguments.next();
    match task.as_deref() {
        Some("test") => step::run_all(&suites::test()),
        Some("ladder") => {
            let seed = suites::seed();
            console::say(&format!("The seed of this run: UPBEAT_SEED={seed}. Set it to repeat the run.\n"))?;
            step::run_all(&suites::ladder(&seed))
        }
        Some("structure") => check(structure::run, arguments),
        Some("words") => check(words::run, arguments),
        Some("faults") => match arguments.next().as_deref() {
            Some("--check") => faults::check(),
            only => faults::run(only.unwrap_or_default()),
        },
        Some("browser") => browser::install(),
        None | Some("help" | "-h" | "--help") => {
            console::say(HELP)?;
            Ok(ExitCode::SUCCESS)
        }
        Some(unknown) => wrong(&format!("there is no task `{unknown}`\n\n{HELP}")),
    }
}

fn check(
    run: fn(&CheckOptions) -> io::Result<ExitCode>,
    arguments: impl Iterator<Item = String>,
) -> io::Result<ExitCode> {
    match CheckOptions::parse(arguments) {
        Ok(options) => run(&options),
        Err(message) => wrong(&message),
    }
}

fn wrong(message: &str) -> io::Result<ExitCode> {
    console::say(&format!("xtask: {message}\n"))?;
    Ok(ExitCode::from(USAGE))
}
