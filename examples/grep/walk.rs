//! The files of a search.

use std::path::{Path, PathBuf};

use ignore::{DirEntry, WalkBuilder};

use crate::{Query, SearchError};

/// The name of the standard input among paths.
pub(crate) const STDIN: &str = "-";

/// Returns the files of a query, sorted by path if the query is sorted. Links, pipes and devices
/// are included only if the query names them.
pub(crate) fn files(query: &Query) -> impl Iterator<Item = Result<PathBuf, SearchError>> + Send + use<> {
    let mut paths = query.paths.iter().map(PathBuf::as_path);
    let mut walk = WalkBuilder::new(paths.next().unwrap_or(Path::new(".")));
    for path in paths {
        walk.add(path);
    }
    // A search of its own output file would never end.
    walk.standard_filters(query.respect_ignore_files).hidden(!query.hidden).skip_stdout(true);
    if query.sort {
        walk.sort_by_file_name(Ord::cmp);
    }
    walk.build().filter_map(|entry| match entry {
        Ok(entry) if entry.is_stdin() => Some(Ok(STDIN.into())),
        Ok(entry) => is_searched(&entry).then(|| Ok(entry.into_path())),
        Err(error) => Some(Err(SearchError::of_walk(error))),
    })
}

fn is_searched(entry: &DirEntry) -> bool {
    if entry.depth() == 0 {
        // The entry may be a link to a directory.
        return !entry.path().is_dir();
    }
    entry.file_type().is_some_and(|kind| kind.is_file())
}
