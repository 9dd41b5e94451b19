//! Seeded faults: each is put into a copy of the checkout, and the tests that it names have to
//! catch it.
//!
//! A test that cannot fail proves nothing. The user's files are only read.

mod catch;
mod checkout;
mod fault;
mod patch;

use std::{
    io,
    process::{ExitCode, Output},
    time::Instant,
};

use crate::{console, workspace};
use catch::Catch;
use checkout::Checkout;
use fault::Fault;
use patch::Sources;

/// Checks that each fault applies to exactly one place, and that the tests that catch it are there.
pub(crate) fn check() -> io::Result<ExitCode> {
    let faults = Fault::all(workspace::root())?;
    Ok(if all_apply(&faults)? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Puts every fault whose name contains `only` into the copy, in turn, and prints which test caught
/// it.
pub(crate) fn run(only: &str) -> io::Result<ExitCode> {
    let mut faults = Fault::all(workspace::root())?;
    faults.retain(|fault| fault.name.contains(only));
    if faults.is_empty() {
        console::say(&format!("xtask: there is no fault `{only}` in ladder/faults\n"))?;
        return Ok(ExitCode::from(64));
    }
    // All of them first: an hour of builds is too late to learn that a text has changed.
    if !all_apply(&faults)? {
        return Ok(ExitCode::FAILURE);
    }
    let checkout = Checkout::copy()?;
    console::say("First without any fault: every test has to pass.\n")?;
    if !pass_without_faults(&faults, &checkout)? {
        return Ok(ExitCode::FAILURE);
    }
    let (table, escaped) = seed(&faults, &checkout)?;
    console::say(&format!("\n{table}\n{} faults, {escaped} not caught.\n", faults.len()))?;
    Ok(if escaped == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints every fault that does not apply, and returns whether there is none.
fn all_apply(faults: &[Fault]) -> io::Result<bool> {
    let mut sources = Sources::new(workspace::root());
    let errors: Vec<_> = faults.iter().filter_map(|fault| fault.check(workspace::root(), &mut sources).err()).collect();
    for error in &errors {
        console::say(&format!("{error}\n"))?;
    }
    console::say(&format!("{} of {} faults apply.\n", faults.len() - errors.len(), faults.len()))?;
    Ok(errors.is_empty())
}

fn pass_without_faults(faults: &[Fault], checkout: &Checkout) -> io::Result<bool> {
    let mut passed: Vec<&Catch> = Vec::new();
    for catch in faults.iter().flat_map(|fault| &fault.catches) {
        if passed.contains(&catch) {
            continue;
        }
        passed.push(catch);
        let output = checkout.test(catch)?;
        // A name that matches no test passes, too.
        if !(output.status.success() && has_line(&output, "test result: ok. 1 passed")) {
            show(&output)?;
            console::say(&format!("\n`{catch}` does not pass without a fault, so it cannot catch one.\n"))?;
            return Ok(false);
        }
    }
    Ok(true)
}

/// Returns a table of the faults, and how many tests have not caught theirs.
fn seed(faults: &[Fault], checkout: &Checkout) -> io::Result<(String, usize)> {
    let mut sources = Sources::new(workspace::root());
    let mut table = String::new();
    let mut escaped = 0;
    let width = faults.iter().map(|fault| fault.name.len()).max().unwrap_or_default();
    for fault in faults {
        let changed = sources.apply(&fault.patches)?;
        for (file, text) in &changed {
            checkout.write(file, text)?;
        }
        for catch in &fault.catches {
            let begun = Instant::now();
            let built = checkout.build(catch)?;
            let verdict = if !built.status.success() {
                show(&built)?;
                "does not compile for"
            } else if checkout.test(catch)?.status.success() {
                "NOT caught by"
            } else {
                "caught by"
            };
            escaped += usize::from(verdict != "caught by");
            let line = format!("{:width$}  {verdict} {}: {}\n", fault.name, catch.level, catch.test);
            console::say(&format!("{:>5.1} s  {line}", begun.elapsed().as_secs_f64()))?;
            table.push_str(&line);
        }
        for file in changed.keys() {
            checkout.restore(file)?;
        }
    }
    Ok((table, escaped))
}

fn has_line(output: &Output, text: &str) -> bool {
    String::from_utf8_lossy(&output.stdout).contains(text)
}

fn show(output: &Output) -> io::Result<()> {
    console::say(&String::from_utf8_lossy(&output.stdout))?;
    console::say(&String::from_utf8_lossy(&output.stderr))
}
