//! The rules, each in its file. A rule returns what breaks it.

mod circles;
mod floors;
mod folder_size;
mod impl_homes;
mod root_imports;
mod threads;
mod type_names;

use super::{finding::Finding, rooms::Rooms};

/// Returns everything that breaks a rule, by file and line.
pub(super) fn check(rooms: &Rooms<'_>) -> Vec<Finding> {
    let rules = [
        root_imports::check,
        floors::check,
        circles::check,
        folder_size::check,
        type_names::check,
        impl_homes::check,
        threads::check,
    ];
    let mut findings: Vec<_> = rules.iter().flat_map(|rule| rule(rooms)).collect();
    findings.sort();
    findings
}
