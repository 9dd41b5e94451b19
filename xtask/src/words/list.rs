use std::{collections::BTreeMap, fs, io};

use crate::workspace;

/// The words of `xtask/words.txt`, each with what to write instead.
#[derive(Debug)]
pub(super) struct WordList {
    instead: BTreeMap<String, String>,
}

impl WordList {
    /// Reads the list of the workspace that this program was built from, whatever checkout is
    /// looked at.
    pub(super) fn of_this_workspace() -> io::Result<Self> {
        let path = workspace::root().join("xtask/words.txt");
        Self::parse(&fs::read_to_string(&path)?)
            .map_err(|line| io::Error::other(format!("xtask/words.txt: no `->` in `{line}`")))
    }

    /// Reads lines as `word, word -> what to write instead`. The error is the line that is none.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut instead = BTreeMap::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (words, replacement) = line.split_once("->").ok_or(line)?;
            for word in words.split(',') {
                instead.insert(word.trim().to_lowercase(), replacement.trim().to_owned());
            }
        }
        Ok(Self { instead })
    }

    /// Returns what to write instead of `word`, if it is on the list.
    pub(super) fn instead_of(&self, word: &str) -> Option<&str> {
        self.instead.get(&word.to_lowercase()).map(String::as_str)
    }
}
