//! Seeded faults: each is put into a copy of the tree, and the rungs that it names have to catch
//! it.
//!
//! A rung that nothing can fail proves nothing. The user's files are only read.

mod fault;
mod tree;

use std::{
    io,
    process::{ExitCode, Output},
    time::Instant,
};

use crate::{console, faults::fault::Catch};
use fault::Fault;
use tree::Tree;

/// Puts every fault whose name contains `only` into the copy, in turn, and says who caught it.
pub(crate) fn run(only: &str) -> io::Result<ExitCode> {
    let mut faults = Fault::all()?;
    faults.retain(|fault| fault.name.contains(only));
    if faults.is_empty() {
        console::say(&format!("xtask: there is no fault `{only}` in ladder/faults\n"))?;
        return Ok(ExitCode::from(64));
    }
    let tree = Tree::copy()?;
    // All of them first: an hour of builds is no way to learn that a text has changed.
    let stale: Vec<_> = faults.iter().filter_map(|fault| fault.check(&tree).err()).collect();
    if !stale.is_empty() {
        for error in stale {
            console::say(&format!("{error}\n"))?;
        }
        return Ok(ExitCode::FAILURE);
    }
    console::say(&format!("{} faults apply. First without any: every rung has to pass.\n", faults.len()))?;
    let mut known: Vec<&Catch> = Vec::new();
    for catch in faults.iter().flat_map(|fault| &fault.catches) {
        if known.contains(&catch) {
            continue;
        }
        known.push(catch);
        let output = tree.test(catch)?;
        if !(output.status.success() && says(&output, "test result: ok. 1 passed")) {
            show(&output)?;
            console::say(&format!("\n`{catch}` does not pass without a fault, so it cannot catch one.\n"))?;
            return Ok(ExitCode::FAILURE);
        }
    }

    let mut table = String::new();
    let mut escaped = 0;
    let width = faults.iter().map(|fault| fault.name.len()).max().unwrap_or_default();
    for fault in &faults {
        fault.apply(&tree)?;
        for catch in &fault.catches {
            let begun = Instant::now();
            let built = tree.build(catch)?;
            let verdict = if !built.status.success() {
                show(&built)?;
                "does not compile for"
            } else if tree.test(catch)?.status.success() {
                "NOT caught by"
            } else {
                "caught by"
            };
            escaped += usize::from(verdict != "caught by");
            let line = format!("{:width$}  {verdict} {}: {}\n", fault.name, catch.rung, catch.test);
            console::say(&format!("{:>5.1} s  {line}", begun.elapsed().as_secs_f64()))?;
            table.push_str(&line);
        }
        fault.revert(&tree)?;
    }
    console::say(&format!("\n{table}\n{} faults, {escaped} not caught.\n", faults.len()))?;
    Ok(if escaped == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn says(output: &Output, text: &str) -> bool {
    String::from_utf8_lossy(&output.stdout).contains(text)
}

fn show(output: &Output) -> io::Result<()> {
    console::say(&String::from_utf8_lossy(&output.stdout))?;
    console::say(&String::from_utf8_lossy(&output.stderr))
}
