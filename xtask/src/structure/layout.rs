//! The order of a crate's rooms, as its Cargo.toml declares it.
//!
//! ```toml
//! [package.metadata.rooms]
//! # From the bottom up. A room may import from the floors below its own, and, without circles, from its own floor.
//! floors = ["error signal", "snapshot report", "run"]
//! # The only rooms that may start threads or end the process, each with the reason.
//! [package.metadata.rooms.threads]
//! process = "signals and the guard work without a runtime"
//! ```
//!
//! A room is a file or a folder of `src`. Without `floors` the order is derived, and without
//! `threads` nothing is said about threads.

use std::{collections::BTreeMap, io};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// The `package.metadata.rooms` of a crate.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Layout {
    /// From the bottom up; empty if nothing is declared.
    pub(super) floors: Vec<Vec<String>>,
    /// Rooms, or files below `src`, that may start threads or end the process, with the reason.
    pub(super) threads: Option<BTreeMap<String, String>>,
}

impl Layout {
    /// Reads the metadata of a manifest.
    pub(super) fn parse(manifest: &str) -> io::Result<Self> {
        let document = DeTable::parse(manifest).map_err(io::Error::other)?;
        let mut table = document.get_ref();
        for key in ["package", "metadata", "rooms"] {
            match table.get(key).map(Spanned::get_ref) {
                Some(DeValue::Table(inner)) => table = inner,
                _ => return Ok(Self::default()),
            }
        }
        let mut layout = Self::default();
        if let Some(DeValue::Array(floors)) = table.get("floors").map(Spanned::get_ref) {
            for floor in floors {
                let rooms = floor.get_ref().as_str().unwrap_or_default();
                layout.floors.push(rooms.split_whitespace().map(str::to_owned).collect());
            }
        }
        if let Some(DeValue::Table(threads)) = table.get("threads").map(Spanned::get_ref) {
            let reasons = threads.iter().map(|(room, reason)| {
                (room.get_ref().to_string(), reason.get_ref().as_str().unwrap_or_default().to_owned())
            });
            layout.threads = Some(reasons.collect());
        }
        Ok(layout)
    }

    /// Returns the floor of `room`, 0 being the lowest.
    pub(super) fn floor_of(&self, room: &str) -> Option<usize> {
        self.floors.iter().position(|floor| floor.iter().any(|other| other == room))
    }

    /// Returns whether an import by `from` of `to` goes up. A room on no floor is neither above nor
    /// below another.
    pub(super) fn is_up(&self, from: &str, to: &str) -> bool {
        self.floor_of(from).zip(self.floor_of(to)).is_some_and(|(from, to)| from < to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floors_and_reasons_are_read() {
        let manifest = r#"
            [package]
            name = "x"
            [package.metadata.rooms]
            floors = ["a b", "c"]
            [package.metadata.rooms.threads]
            c = "a reason"
        "#;
        let layout = Layout::parse(manifest).unwrap();
        assert_eq!((layout.floor_of("b"), layout.floor_of("c"), layout.floor_of("d")), (Some(0), Some(1), None));
        assert_eq!(layout.threads.unwrap()["c"], "a reason");
    }

    #[test]
    fn a_manifest_may_declare_nothing() {
        assert_eq!(Layout::parse("[package]\nname = \"x\"").unwrap(), Layout::default());
    }
}
