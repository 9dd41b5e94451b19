//! One type name per crate, so that a search finds one answer.

use std::collections::BTreeMap;

use super::super::{finding::Finding, items::TypeDefinition, rooms::Rooms};

/// Names that say "of this file" as long as they are private.
const OF_ONE_FILE: [&str; 2] = ["State", "Inner"];

pub(super) fn check(rooms: &Rooms<'_>) -> Vec<Finding> {
    let mut all: BTreeMap<&str, Vec<(usize, &TypeDefinition)>> = BTreeMap::new();
    for (file, definitions) in rooms.definitions.iter().enumerate() {
        for definition in definitions.iter().flat_map(|definitions| &definitions.types) {
            if !(definition.is_private && OF_ONE_FILE.contains(&definition.name.as_str())) {
                all.entry(&definition.name).or_default().push((file, definition));
            }
        }
    }
    let mut findings = Vec::new();
    for (name, places) in all {
        let (first_file, first) = places[0];
        for &(file, definition) in &places[1..] {
            if file == first_file && first.is_conditional && definition.is_conditional {
                continue;
            }
            findings.push(Finding {
                path: rooms.path_of(file),
                line: definition.line,
                rule: "type name",
                text: format!(
                    "`{name}` is also the name of a type at {}:{}: rename one of them",
                    rooms.path_of(first_file),
                    first.line
                ),
            });
        }
    }
    findings
}
