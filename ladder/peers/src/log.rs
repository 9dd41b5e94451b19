use std::sync::{Arc, Mutex};

/// Lines in the order in which tasks added them.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    /// Adds a line.
    pub fn add(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    /// Returns all lines.
    pub fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// Removes all lines.
    pub fn clear(&self) {
        self.0.lock().unwrap().clear();
    }

    /// Returns whether it contains a line.
    pub fn has(&self, line: &str) -> bool {
        self.lines().iter().any(|known| known == line)
    }

    /// Returns the index of a line, which must be there.
    pub fn at(&self, line: &str) -> usize {
        let at = self.lines().iter().position(|known| known == line);
        at.unwrap_or_else(|| panic!("{line:?} is not in {:?}", self.lines()))
    }
}
