//! The files of a search.

use std::{
    fs::{File, Metadata},
    io,
    os::{fd::AsFd, unix::fs::MetadataExt as _},
    path::{Path, PathBuf},
};

use ignore::{DirEntry, WalkBuilder};

use crate::{Query, SearchError, Show};

/// The name of the standard input among paths.
pub(crate) const STDIN: &str = "-";

/// A file to search.
#[derive(Debug)]
pub(crate) enum Target {
    /// A regular file.
    File(PathBuf),
    /// A pipe, a device or the standard input, which may have no end.
    Stream(PathBuf),
}

/// Returns the files of a query, sorted by path if the query is sorted. Links, pipes and devices
/// are included only if the query names them.
pub(crate) fn files(query: &Query) -> impl Iterator<Item = Result<Target, SearchError>> + Send + use<> {
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
    let prints_lines = query.show == Show::Lines;
    walk.build().filter_map(move |entry| match entry {
        Ok(entry) if entry.is_stdin() => Some(standard_input(prints_lines)),
        Ok(entry) => is_searched(&entry).then(|| Ok(target(entry))),
        Err(error) => Some(Err(SearchError::of_walk(error))),
    })
}

fn target(entry: DirEntry) -> Target {
    let is_stream = entry.depth() == 0 && entry.path().metadata().is_ok_and(|about| !about.is_file());
    if is_stream { Target::Stream(entry.into_path()) } else { Target::File(entry.into_path()) }
}

/// Returns the standard input, unless it is the file that the lines are appended to: such a search
/// would never end.
fn standard_input(prints_lines: bool) -> Result<Target, SearchError> {
    if prints_lines && is_output(io::stdin()) {
        let also = io::Error::other("input file is also the output");
        return Err(SearchError::new(Path::new("(standard input)"), also));
    }
    Ok(Target::Stream(STDIN.into()))
}

fn is_output(input: impl AsFd) -> bool {
    let about = |descriptor: &dyn AsFd| -> io::Result<Metadata> {
        File::from(descriptor.as_fd().try_clone_to_owned()?).metadata()
    };
    match (about(&input), about(&io::stdout())) {
        (Ok(input), Ok(output)) => input.is_file() && (input.dev(), input.ino()) == (output.dev(), output.ino()),
        _ => false,
    }
}

fn is_searched(entry: &DirEntry) -> bool {
    if entry.depth() == 0 {
        // The entry may be a link to a directory.
        return !entry.path().is_dir();
    }
    entry.file_type().is_some_and(|kind| kind.is_file())
}
