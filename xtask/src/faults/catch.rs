use std::{fmt, fs, path::Path};

/// A test that has to fail because of a fault.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Catch {
    /// The kind of check, for people.
    pub(super) level: String,
    /// The folder of the test's package.
    pub(super) folder: String,
    pub(super) program: String,
    pub(super) test: String,
}

impl fmt::Display for Catch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {} {}", self.level, self.folder, self.program, self.test)
    }
}

impl Catch {
    /// Reads `LEVEL: FOLDER TEST_PROGRAM TEST`.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let (level, rest) = line.split_once(": ")?;
        let mut words = rest.split_whitespace().map(str::to_owned);
        let (folder, program, test) = (words.next()?, words.next()?, words.next()?);
        Some(Self { level: level.to_owned(), folder, program, test })
    }

    /// Returns whether the test is there. Modules are not followed: its function is looked for in
    /// all files of the program.
    pub(super) fn exists(&self, checkout: &Path) -> bool {
        let tests = checkout.join(&self.folder).join("tests");
        let name = self.test.rsplit("::").next().unwrap_or(&self.test);
        let signature = format!("fn {name}(");
        has_text(&tests.join(format!("{}.rs", self.program)), &signature)
            || has_text(&tests.join(&self.program), &signature)
    }
}

/// Returns whether a file, or a file in a folder, contains `text`.
fn has_text(path: &Path, text: &str) -> bool {
    match fs::read_dir(path) {
        Ok(mut entries) => entries.any(|entry| entry.is_ok_and(|entry| has_text(&entry.path(), text))),
        Err(_) => fs::read_to_string(path).is_ok_and(|file| file.contains(text)),
    }
}
