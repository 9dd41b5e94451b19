//! The contenders in Rust, which have the same matcher and searcher, and differ in their workers.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context as _, Result, bail};
use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use grep_searcher::{BinaryDetection, MmapChoice, Searcher, SearcherBuilder, Sink, SinkMatch};
use ignore::{WalkBuilder, WalkState};
use memchr::memchr_iter;
use upbeat::Context;
use upbeat_grep::{Query, Search};

/// The size of the result.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Found {
    pub(super) bytes: usize,
    pub(super) lines: usize,
}

pub(super) fn run(name: &str, pattern: &str, tree: &Path) -> Result<Found> {
    match name {
        "upbeat-1" => upbeat(pattern, tree, 1, false),
        "upbeat-2" => upbeat(pattern, tree, 2, false),
        "upbeat-sorted-2" => upbeat(pattern, tree, 2, true),
        "ignore-1" => parallel_walk(pattern, tree, 1),
        "ignore-2" => parallel_walk(pattern, tree, 2),
        other => bail!("no contender {other:?}"),
    }
}

/// Runs the search of the example program.
fn upbeat(pattern: &str, tree: &Path, workers: usize, sort: bool) -> Result<Found> {
    let paths = vec![tree.to_owned()];
    let search = Search::new(Query { paths, workers, sort, ..Query::new(pattern) })?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let out = Counted::default();
    let ran = runtime.block_on(search.run(&Context::background(), out.clone(), |_| ()));
    ran.ok().context("it runs to the end")?;
    Ok(out.found())
}

/// Searches as ripgrep does: a searcher per thread, a buffer per file, and a lock for the output.
fn parallel_walk(pattern: &str, tree: &Path, threads: usize) -> Result<Found> {
    let matcher = RegexMatcherBuilder::new().multi_line(true).line_terminator(Some(b'\n')).build(pattern)?;
    let mut searcher = SearcherBuilder::new();
    searcher.line_number(true).binary_detection(BinaryDetection::convert(0)).bom_sniffing(false);
    searcher.memory_map(MmapChoice::never());
    let out = Counted::default();
    let walk = WalkBuilder::new(tree).standard_filters(false).threads(threads).build_parallel();
    walk.run(|| {
        let (mut searcher, matcher, mut lines) = (searcher.build(), matcher.clone(), Vec::new());
        let mut out = out.clone();
        Box::new(move |entry| {
            if let Ok(entry) = entry
                && entry.file_type().is_some_and(|kind| kind.is_file())
            {
                lines.clear();
                search(&mut searcher, &matcher, entry.path(), &mut lines);
                let _ = out.write_all(&lines);
            }
            WalkState::Continue
        })
    });
    Ok(out.found())
}

fn search(searcher: &mut Searcher, matcher: &RegexMatcher, path: &Path, out: &mut Vec<u8>) {
    let mut lines = Lines { path, out, binary: false };
    // Files that cannot be read are skipped.
    let _ = File::open(path).and_then(|file| searcher.search_reader(matcher, file, &mut lines));
}

struct Lines<'a> {
    path: &'a Path,
    out: &'a mut Vec<u8>,
    binary: bool,
}

impl Sink for Lines<'_> {
    type Error = io::Error;

    fn matched(&mut self, _: &Searcher, found: &SinkMatch<'_>) -> io::Result<bool> {
        let line = found.bytes();
        if self.binary || std::str::from_utf8(line).is_err() {
            return Ok(!self.binary);
        }
        let number = found.line_number().unwrap_or_default();
        write!(self.out, "{}:{number}:", self.path.display())?;
        self.out.extend_from_slice(line.strip_suffix(b"\n").unwrap_or(line));
        self.out.push(b'\n');
        Ok(true)
    }

    fn binary_data(&mut self, _: &Searcher, _: u64) -> io::Result<bool> {
        self.binary = true;
        Ok(true)
    }
}

/// A writer that counts bytes and lines, behind a lock for concurrent threads.
#[derive(Clone, Debug, Default)]
struct Counted(Arc<Mutex<Found>>);

impl Counted {
    fn found(&self) -> Found {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        found.bytes += bytes.len();
        found.lines += memchr_iter(b'\n', bytes).count();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
