//! Which files there are.

use std::path::{Path, PathBuf};

use ignore::{DirEntry, WalkBuilder};

use crate::{Query, SearchError};

/// The name of the standard input among paths.
pub(crate) const STDIN: &str = "-";

/// The files that a query asks for, in the order of their paths if it asks for that. Links are followed only where the query names them,
/// and pipes and devices are searched only then.
pub(crate) fn files(query: &Query) -> impl Iterator<Item = Result<PathBuf, SearchError>> + Send + use<> {
    let mut paths = query.paths.iter().map(PathBuf::as_path);
    let mut walk = WalkBuilder::new(paths.next().unwrap_or(Path::new(".")));
    for path in paths {
        walk.add(path);
    }
    // Else a search whose output goes into a file that is searched finds what it has written, for ever.
    walk.standard_filters(query.heed_ignore_files).hidden(!query.hidden).skip_stdout(true);
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
        // Maybe a link to one.
        return !entry.path().is_dir();
    }
    entry.file_type().is_some_and(|kind| kind.is_file())
}
