//! One command of a chore: run it, time it, and say how to repeat just that one.

use std::{fmt, io, process::ExitCode, time::Instant};

use crate::{console::say, workspace::cargo};

/// A command with its environment and the sentence that says what it is for.
pub(crate) struct Step {
    what: &'static str,
    args: Vec<&'static str>,
    envs: Vec<(&'static str, String)>,
    /// A `cargo` command line that succeeds when this step has nothing to do.
    unless: Option<&'static [&'static str]>,
}

impl Step {
    /// A step that runs `cargo` with `args`.
    pub(crate) fn cargo(what: &'static str, args: &str) -> Self {
        // The suites are written as they would be typed; no argument of theirs contains a space.
        let args = args.to_owned().leak().split_whitespace().collect();
        Self { what, args, envs: Vec::new(), unless: None }
    }

    /// Sets a variable for this step.
    pub(crate) fn env(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.envs.push((name, value.into()));
        self
    }

    /// Skips the step when `cargo probe…` succeeds.
    pub(crate) fn unless(mut self, probe: &'static [&'static str]) -> Self {
        self.unless = Some(probe);
        self
    }

    fn has_nothing_to_do(&self) -> bool {
        self.unless.is_some_and(|probe| cargo().args(probe).output().is_ok_and(|probe| probe.status.success()))
    }

    fn run(&self) -> io::Result<bool> {
        Ok(cargo().args(&self.args).envs(self.envs.iter().cloned()).status()?.success())
    }
}

/// The command line as one would type it.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.envs {
            write!(f, "{name}={value} ")?;
        }
        write!(f, "cargo {}", self.args.join(" "))
    }
}

/// Runs the steps in turn and stops at the first that fails.
pub(crate) fn run_all(steps: &[Step]) -> io::Result<ExitCode> {
    let begun = Instant::now();
    for (number, step) in steps.iter().enumerate() {
        say(&format!("[{}/{}] {}: {step}\n", number + 1, steps.len(), step.what))?;
        if step.has_nothing_to_do() {
            say("      nothing to do\n")?;
            continue;
        }
        let step_begun = Instant::now();
        let passed = step.run()?;
        let verdict = if passed { "ok" } else { "FAILED" };
        say(&format!("      {verdict} in {:.1} s\n", step_begun.elapsed().as_secs_f64()))?;
        if !passed {
            say(&format!("\n`{}` failed. To repeat just that:\n\n    {step}\n", step.what))?;
            return Ok(ExitCode::FAILURE);
        }
    }
    say(&format!("\nAll {} steps passed in {:.0} s.\n", steps.len(), begun.elapsed().as_secs_f64()))?;
    Ok(ExitCode::SUCCESS)
}
