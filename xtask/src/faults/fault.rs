//! One fault as a file: what it is, who has to catch it, and which text it replaces.

use std::{fmt, fs, io, path::Path};

use super::tree::Tree;
use crate::workspace::root;

/// A fault. Its file says in plain words what it is, then has lines of these kinds:
///
/// ```text
/// caught by RUNG: FOLDER TEST_PROGRAM TEST
/// in FILE
/// -what stands there, exactly once
/// +what is put in its place
/// ```
///
/// There is no context and no line number, so that edits nearby do not matter.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) name: String,
    pub(super) catches: Vec<Catch>,
    edits: Vec<Edit>,
}

/// A test that has to fail because of the fault.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Catch {
    /// Which kind of check it is, for people.
    pub(super) rung: String,
    /// Where its package is.
    pub(super) folder: String,
    pub(super) program: String,
    pub(super) test: String,
}

#[derive(Debug, Default)]
struct Edit {
    file: String,
    from: String,
    to: String,
}

impl fmt::Display for Catch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {} {}", self.rung, self.folder, self.program, self.test)
    }
}

impl Fault {
    /// All faults, by name.
    pub(super) fn all() -> io::Result<Vec<Self>> {
        let mut faults = Vec::new();
        for entry in fs::read_dir(root().join("ladder/faults"))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "fault") {
                faults.push(Self::read(&path)?);
            }
        }
        faults.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(faults)
    }

    fn read(path: &Path) -> io::Result<Self> {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let mut fault = Self { name, catches: Vec::new(), edits: Vec::new() };
        for line in fs::read_to_string(path)?.lines() {
            if let Some(catch) = line.strip_prefix("caught by ") {
                let catch = Catch::parse(catch).ok_or_else(|| fault.wrong(&format!("what is `{line}`?")))?;
                fault.catches.push(catch);
            } else if let Some(file) = line.strip_prefix("in ") {
                fault.edits.push(Edit { file: file.to_owned(), ..Edit::default() });
            } else if let Some(edit) = fault.edits.last_mut() {
                let (kind, text) = line.split_at(line.len().min(1));
                match kind {
                    "-" if edit.to.is_empty() => edit.from.extend([text, "\n"]),
                    "+" => edit.to.extend([text, "\n"]),
                    "" => {}
                    _ => return Err(fault.wrong(&format!("what is `{line}`?"))),
                }
            }
        }
        if fault.catches.is_empty() || fault.edits.is_empty() {
            return Err(fault.wrong("it has to say who catches it, and what it replaces"));
        }
        Ok(fault)
    }

    /// Fails when the fault does not fit the tree any more.
    pub(super) fn check(&self, tree: &Tree) -> io::Result<()> {
        let applied = self.apply(tree);
        self.revert(tree)?;
        applied
    }

    pub(super) fn apply(&self, tree: &Tree) -> io::Result<()> {
        for Edit { file, from, to } in &self.edits {
            let text = tree.read(file).map_err(|error| self.wrong(&format!("{file}: {error}")))?;
            match text.matches(from.as_str()).count() {
                1 => tree.write(file, &text.replacen(from, to, 1))?,
                n => return Err(self.wrong(&format!("{file} has this {n} times instead of once:\n{from}"))),
            }
        }
        Ok(())
    }

    pub(super) fn revert(&self, tree: &Tree) -> io::Result<()> {
        self.edits.iter().try_for_each(|edit| tree.restore(&edit.file))
    }

    fn wrong(&self, what: &str) -> io::Error {
        io::Error::other(format!("ladder/faults/{}.fault: {what}", self.name))
    }
}

impl Catch {
    fn parse(line: &str) -> Option<Self> {
        let (rung, rest) = line.split_once(": ")?;
        let mut words = rest.split_whitespace().map(str::to_owned);
        let (folder, program, test) = (words.next()?, words.next()?, words.next()?);
        Some(Self { rung: rung.to_owned(), folder, program, test })
    }
}
