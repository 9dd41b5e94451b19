//! One fault as a file: its description, the tests that catch it, and its patches.

use std::{fs, io, path::Path};

use super::{
    catch::Catch,
    patch::{Patch, Sources},
};

/// A fault. Its file says in plain words what it is, then has lines of these kinds:
///
/// ```text
/// caught by LEVEL: FOLDER TEST_PROGRAM TEST
/// in CRATE ITEM
/// -the text in that item, exactly once
/// +the text in its place
/// ```
///
/// An item is `Type::function` or `function`. There is neither a path nor context nor a line
/// number, so that moves and edits nearby do not matter.
#[derive(Debug)]
pub(super) struct Fault {
    /// The path below `ladder/faults`, without the extension.
    pub(super) name: String,
    pub(super) catches: Vec<Catch>,
    pub(super) patches: Vec<Patch>,
}

impl Fault {
    /// Returns all faults of `ladder/faults` and its folders, by name.
    pub(super) fn all(checkout: &Path) -> io::Result<Vec<Self>> {
        let mut faults = Vec::new();
        add_folder(&checkout.join("ladder/faults"), "", &mut faults)?;
        faults.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(faults)
    }

    fn parse(name: &str, text: &str) -> io::Result<Self> {
        let mut fault = Self { name: name.to_owned(), catches: Vec::new(), patches: Vec::new() };
        for line in text.lines() {
            let unknown = || wrong(name, &format!("`{line}` is no line of a fault"));
            if let Some(catch) = line.strip_prefix("caught by ") {
                let catch = Catch::parse(catch).ok_or_else(unknown)?;
                fault.catches.push(catch);
            } else if let Some(place) = line.strip_prefix("in ").filter(|_| !fault.catches.is_empty()) {
                let (package, item) = place.split_once(' ').ok_or_else(unknown)?;
                fault.patches.push(Patch { package: package.into(), item: item.into(), ..Patch::default() });
            } else if let Some(patch) = fault.patches.last_mut() {
                let (kind, text) = line.split_at(line.len().min(1));
                match kind {
                    "-" if patch.to.is_empty() => patch.from.extend([text, "\n"]),
                    "+" => patch.to.extend([text, "\n"]),
                    "" => {}
                    _ => return Err(unknown()),
                }
            }
        }
        if fault.catches.is_empty() || fault.patches.is_empty() {
            return Err(wrong(name, "it needs a line `caught by` and a line `in`"));
        }
        Ok(fault)
    }

    /// Fails if a patch does not apply to exactly one place, or if a test that catches the fault is
    /// not there.
    pub(super) fn check(&self, checkout: &Path, sources: &mut Sources<'_>) -> io::Result<()> {
        sources.apply(&self.patches).map_err(|error| wrong(&self.name, &error.to_string()))?;
        match self.catches.iter().find(|catch| !catch.exists(checkout)) {
            Some(catch) => Err(wrong(&self.name, &format!("there is no test `{catch}`"))),
            None => Ok(()),
        }
    }
}

fn wrong(name: &str, what: &str) -> io::Error {
    io::Error::other(format!("ladder/faults/{name}.fault: {what}"))
}

fn add_folder(folder: &Path, prefix: &str, faults: &mut Vec<Fault>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = format!("{prefix}{}", path.file_stem().unwrap_or_default().to_string_lossy());
        if path.is_dir() {
            add_folder(&path, &format!("{name}/"), faults)?;
        } else if path.extension().is_some_and(|extension| extension == "fault") {
            faults.push(Fault::parse(&name, &fs::read_to_string(&path)?)?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Fault;

    #[test]
    fn a_file_is_read() {
        let text = "It is wrong in places.\n\ncaught by level: a b c::d\n\nin x X::f\n-  a\n-\n+  b\nin x g\n-c\n";
        let fault = Fault::parse("x/y", text).unwrap();
        assert_eq!(fault.catches[0].to_string(), "level: a b c::d");
        let [first, second] = &fault.patches[..] else { panic!("{fault:?}") };
        assert_eq!((first.item.as_str(), first.from.as_str(), first.to.as_str()), ("X::f", "  a\n\n", "  b\n"));
        assert_eq!((second.item.as_str(), second.from.as_str(), second.to.as_str()), ("g", "c\n", ""));
    }

    #[test]
    fn a_file_that_is_no_fault_is_an_error() {
        for text in
            ["", "caught by a: b c d", "caught by a", "caught by a: b c d\nin x", "caught by a: b c d\nin x f\n?"]
        {
            assert!(Fault::parse("x", text).is_err(), "{text}");
        }
    }
}
