//! One command of a task: it is run, timed, and printed so that it can be repeated alone.

use std::{fmt, io, process::ExitCode, time::Instant};

use crate::{console::say, workspace::cargo};

/// A command with its environment and its purpose in a few words.
pub(crate) struct Step {
    purpose: &'static str,
    args: Vec<&'static str>,
    envs: Vec<(&'static str, String)>,
    tool: Option<Tool>,
}

/// A program that cargo does not bring along.
#[derive(Clone, Copy)]
pub(crate) struct Tool {
    /// The arguments of a `cargo` command that succeeds if the tool is installed.
    pub(crate) probe: &'static [&'static str],
    /// The command line that installs it.
    pub(crate) install: &'static str,
}

impl Step {
    /// Returns a step that runs `cargo` with `args`.
    pub(crate) fn cargo(purpose: &'static str, args: &str) -> Self {
        // The suites are written as they would be typed; no argument of theirs contains a space.
        let args = args.to_owned().leak().split_whitespace().collect();
        Self { purpose, args, envs: Vec::new(), tool: None }
    }

    /// Sets a variable for this step.
    pub(crate) fn env(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.envs.push((name, value.into()));
        self
    }

    /// Fails the step with the command that installs `tool`, if that is missing.
    pub(crate) fn needs(mut self, tool: Tool) -> Self {
        self.tool = Some(tool);
        self
    }

    fn missing_tool(&self) -> Option<Tool> {
        let is_missing = |tool: &Tool| !cargo().args(tool.probe).output().is_ok_and(|output| output.status.success());
        self.tool.filter(is_missing)
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
        say(&format!("[{}/{}] {}: {step}\n", number + 1, steps.len(), step.purpose))?;
        if let Some(tool) = step.missing_tool() {
            say(&format!(
                "\n`cargo {}` does not work. To install it:\n\n    {}\n",
                tool.probe.join(" "),
                tool.install
            ))?;
            return Ok(ExitCode::FAILURE);
        }
        let step_begun = Instant::now();
        let passed = step.run()?;
        let verdict = if passed { "ok" } else { "FAILED" };
        say(&format!("      {verdict} in {:.1} s\n", step_begun.elapsed().as_secs_f64()))?;
        if !passed {
            say(&format!("\n`{}` failed. To repeat just that:\n\n    {step}\n", step.purpose))?;
            return Ok(ExitCode::FAILURE);
        }
    }
    say(&format!("\nAll {} steps passed in {:.0} s.\n", steps.len(), begun.elapsed().as_secs_f64()))?;
    Ok(ExitCode::SUCCESS)
}
