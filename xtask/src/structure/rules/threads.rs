//! Threads are started, and the process is ended, only in the rooms that the crate declares for it.

use super::super::{finding::Finding, names::Target, rooms::Rooms};

const RESTRICTED: [&[&str]; 4] = [
    &["std", "thread", "spawn"],
    &["std", "thread", "Builder"],
    &["std", "process", "exit"],
    &["std", "process", "abort"],
];

pub(super) fn check(rooms: &Rooms<'_>) -> Vec<Finding> {
    let Some(allowed) = &rooms.layout.threads else { return Vec::new() };
    let mut findings = Vec::new();
    for (room, _) in allowed.iter().filter(|(_, reason)| reason.is_empty()) {
        findings.push(Finding {
            path: format!("{}/Cargo.toml", rooms.package.folder),
            line: 0,
            rule: "threads",
            text: format!("`{room}` in `package.metadata.rooms.threads` has no reason"),
        });
    }
    for (file, paths) in rooms.paths.iter().enumerate() {
        let path = &rooms.file(file).path;
        if allowed.keys().any(|room| path == room || rooms.room_of(file) == Some(room)) {
            continue;
        }
        for named in paths {
            let Some(Target::External(path)) = rooms.names.resolve(&named.module, &named.segments) else { continue };
            if !RESTRICTED.iter().any(|restricted| path.len() >= 3 && path[..3] == **restricted) {
                continue;
            }
            let allowed: Vec<_> = allowed.keys().map(String::as_str).collect();
            findings.push(Finding {
                path: rooms.path_of(file),
                line: named.line,
                rule: "threads",
                text: format!(
                    "`{}` belongs in {}: move it there, or declare this file with a reason in Cargo.toml",
                    path[..3].join("::"),
                    allowed.join(", ")
                ),
            });
        }
    }
    findings.dedup();
    findings
}
