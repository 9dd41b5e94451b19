use std::str::FromStr;

use anyhow::{Context, Result};

/// The arguments after the command: words by position, and `--name value`.
#[derive(Debug)]
pub(crate) struct Args {
    words: Vec<String>,
}

impl Args {
    pub(crate) fn new(words: impl Iterator<Item = String>) -> Self {
        Self { words: words.collect() }
    }

    /// Returns the value after `--name`, or the default.
    pub(crate) fn option<T: FromStr>(&self, name: &str, default: T) -> Result<T> {
        let Some(at) = self.words.iter().position(|word| word == name) else { return Ok(default) };
        let value = self.words.get(at + 1).with_context(|| format!("{name} needs a value"))?;
        value.parse().ok().with_context(|| format!("{name} cannot be {value:?}"))
    }

    /// Returns the word at a position, for child processes, which get all their arguments.
    pub(crate) fn word<T: FromStr>(&self, at: usize) -> Result<T> {
        let word = self.words.get(at).with_context(|| format!("argument {at} is missing"))?;
        word.parse().ok().with_context(|| format!("argument {at} cannot be {word:?}"))
    }
}
