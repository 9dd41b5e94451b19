//! The project's chores, written in Rust so that they run wherever the project builds.
//!
//! `cargo xtask` alone says what there is.

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
The chores of Upbeat.

Usage: cargo xtask <CHORE>

Chores:
  test     Everything a change must pass: format, lints, tests, docs, lean builds
  ladder   The slow checks: dependencies, long property tests, thousands of schedules, seeded faults,
           stop under load many times
  structure  Checks which file imports which, and what belongs where: `structure [CRATE…]`
  words      Checks the prose: `words [PATH…]`
             Both print only figures with `--figures`, and look at another checkout with `--root DIR`
  browser  Installs Chromium and its driver by apt-get, if they are missing; the tests of pages need them
  faults   Puts each fault of ladder/faults into a copy of the tree, and checks that it is caught;
           `faults NAME` only those whose name contains NAME

`ladder` reads UPBEAT_LADDER_RUNS (how often each stop-under-load test repeats, 20 if not set),
PROPTEST_CASES (100000 if not set) and UPBEAT_SHUTTLE_RUNS (how many schedules each scenario sees
from each of two schedulers, 5000 if not set).
";

fn main() -> io::Result<ExitCode> {
    let chore = env::args().nth(1);
    let steps = match chore.as_deref() {
        Some("test") => suites::test(),
        Some("ladder") => suites::ladder(),
        Some("browser") => return browser::install(),
        Some("structure") => return check(structure::run),
        Some("words") => return check(words::run),
        Some("faults") => return faults::run(&env::args().nth(2).unwrap_or_default()),
        None | Some("help" | "-h" | "--help") => {
            console::say(HELP)?;
            return Ok(ExitCode::SUCCESS);
        }
        Some(unknown) => {
            console::say(&format!("xtask: there is no chore `{unknown}`\n\n{HELP}"))?;
            return Ok(ExitCode::from(64));
        }
    };
    step::run_all(&steps)
}

fn check(run: fn(&CheckOptions) -> io::Result<ExitCode>) -> io::Result<ExitCode> {
    match CheckOptions::parse(env::args().skip(2)) {
        Ok(options) => run(&options),
        Err(message) => {
            console::say(&format!("xtask: {message}\n"))?;
            Ok(ExitCode::from(64))
        }
    }
}
