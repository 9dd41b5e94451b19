//! Nothing imports from the crate root: `lib.rs` only re-exports.

use super::super::{finding::Finding, names::Names, paths::PathKind, rooms::Rooms};

pub(super) fn check(rooms: &Rooms<'_>) -> Vec<Finding> {
    let exported: Vec<_> = rooms.definitions.iter().flatten().flat_map(|all| &all.exported_macros).collect();
    let mut findings = Vec::new();
    for (file, paths) in rooms.paths.iter().enumerate() {
        if rooms.file(file).is_root() {
            continue;
        }
        for named in paths {
            let Some((start, rest)) = Names::start(&named.module, &named.segments) else { continue };
            if !start.is_empty() {
                continue;
            }
            let name = match (rest.first(), &named.kind) {
                (Some(name), _) => name.as_str(),
                (None, PathKind::Glob { .. }) => "*",
                (None, _) => continue,
            };
            let is_module = rooms.names.file_of(&[name.to_owned()]).is_some();
            if is_module || exported.iter().any(|macro_name| *macro_name == name) {
                continue;
            }
            let path = named.segments.join("::");
            let home = rooms.home(name).map_or_else(String::new, |home| format!("; it is defined in `{home}`"));
            findings.push(Finding {
                path: rooms.path_of(file),
                line: named.line,
                rule: "root import",
                text: format!("`{path}` names `{name}` through the crate root: import it from its module{home}"),
            });
        }
    }
    findings.dedup();
    findings
}
