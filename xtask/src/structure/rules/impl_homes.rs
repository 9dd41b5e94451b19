//! An inherent `impl T` lives in the folder of `T`.

use super::super::{finding::Finding, names::Target, rooms::Rooms};

pub(super) fn check(rooms: &Rooms<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, definitions) in rooms.definitions.iter().enumerate() {
        for definitions in definitions {
            for (path, line) in &definitions.impls {
                let Some(Target::Item { file: home, name }) = rooms.names.resolve(&definitions.module, path) else {
                    continue;
                };
                if is_at_home(&rooms.file(file).path, &rooms.file(home).path) {
                    continue;
                }
                findings.push(Finding {
                    path: rooms.path_of(file),
                    line: *line,
                    rule: "impl",
                    text: format!(
                        "`impl {name}` lives apart from `{name}` ({}): move it to that folder, or make it a function",
                        rooms.path_of(home)
                    ),
                });
            }
        }
    }
    findings
}

/// Returns whether `file` is in the folder of `home`, however deep. A file of `src` is a room of
/// its own, with the folder of its name.
fn is_at_home(file: &str, home: &str) -> bool {
    if file == home {
        return true;
    }
    match home.rsplit_once('/') {
        Some((folder, _)) => file.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')),
        None => home
            .strip_suffix(".rs")
            .is_some_and(|room| file.strip_prefix(room).is_some_and(|rest| rest.starts_with('/'))),
    }
}

#[cfg(test)]
mod tests {
    use super::is_at_home;

    #[test]
    fn a_home_is_a_folder_or_a_file_at_the_top() {
        assert!(is_at_home("run/stop.rs", "run/mod.rs"));
        assert!(is_at_home("run/deep/stop.rs", "run/mod.rs"));
        assert!(is_at_home("run/stop.rs", "run.rs"));
        assert!(!is_at_home("account.rs", "run.rs"));
        assert!(!is_at_home("runner/stop.rs", "run/mod.rs"));
        assert!(!is_at_home("run/mod.rs", "run/deep/stop.rs"));
    }
}
