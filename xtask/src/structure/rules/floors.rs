//! Imports go down only: the order that the crate declares is kept, and names every room.

use super::super::{finding::Finding, rooms::Rooms};

pub(super) fn check(rooms: &Rooms<'_>) -> Vec<Finding> {
    let layout = &rooms.layout;
    if layout.floors.is_empty() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    let manifest = format!("{}/Cargo.toml", rooms.package.folder);
    let about_manifest = |text| Finding { path: manifest.clone(), line: 0, rule: "floors", text };
    let existing = rooms.entries("").nodes;
    for room in existing.iter().filter(|room| layout.floor_of(room).is_none()) {
        findings
            .push(about_manifest(format!("room `{room}` is on no floor: add it to `package.metadata.rooms.floors`")));
    }
    for room in layout.floors.iter().flatten().filter(|room| !existing.contains(room)) {
        findings.push(about_manifest(format!("there is no room `{room}` any more: remove it from the floors")));
    }
    for arrow in &rooms.arrows {
        let (Some(from), Some(to)) = (rooms.room_of(arrow.from), rooms.room_of(arrow.to)) else { continue };
        if layout.is_up(from, to) {
            findings.push(Finding {
                path: rooms.path_of(arrow.from),
                line: arrow.line,
                rule: "floors",
                text: format!(
                    "`{}` is an import upward, of `{to}` into `{from}`: move the name down, or the code that needs it up",
                    arrow.path
                ),
            });
        }
    }
    findings
}
