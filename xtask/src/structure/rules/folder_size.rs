//! At most twelve files in a folder: more are several rooms.

use super::super::{finding::Finding, rooms::Rooms};

pub(super) const MAX_FILES: usize = 12;

pub(super) fn check(rooms: &Rooms<'_>) -> Vec<Finding> {
    let folders = rooms.folder_sizes().into_iter().filter(|(_, files)| *files > MAX_FILES);
    folders
        .map(|(folder, files)| Finding {
            path: format!("{}/src/{folder}", rooms.package.folder).trim_end_matches('/').to_owned(),
            line: 0,
            rule: "folder size",
            text: format!("{files} files, at most {MAX_FILES}: make folders of what belongs together"),
        })
        .collect()
}
