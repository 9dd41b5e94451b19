use std::{
    io::{BufRead, BufReader},
    process::{Child as Process, ChildStdout, Command, Stdio},
    str::FromStr,
};

use anyhow::{Context, Result, bail, ensure};

/// A child process that runs this program as one contender. It prints lines of numbers, and exits
/// at the end of its standard input.
#[derive(Debug)]
pub(crate) struct Child {
    process: Process,
    lines: BufReader<ChildStdout>,
}

impl Child {
    pub(crate) fn spawn(args: &[&str]) -> Result<Self> {
        let program = std::env::current_exe()?;
        let mut process = Command::new(program).args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let lines = process.stdout.take().context("a child's output is piped")?;
        Ok(Self { process, lines: BufReader::new(lines) })
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Returns the numbers of its next line.
    pub(crate) fn numbers<T: FromStr, const N: usize>(&mut self) -> Result<[T; N]> {
        let mut line = String::new();
        self.lines.read_line(&mut line)?;
        let numbers: Option<Vec<T>> = line.split_whitespace().map(|word| word.parse().ok()).collect();
        match numbers.and_then(|numbers| numbers.try_into().ok()) {
            Some(numbers) => Ok(numbers),
            None => bail!("a child answered {line:?} where {N} numbers were due"),
        }
    }

    /// Closes its input, and waits for its exit.
    pub(crate) fn finish(mut self) -> Result<()> {
        // `wait` closes the input first.
        let status = self.process.wait()?;
        ensure!(status.success(), "a child failed: {status}");
        Ok(())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // After an error in the parent the child has to be killed. For a child that has been waited
        // for, this has no effect.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
