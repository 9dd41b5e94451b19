//! The search.

use std::{
    error::Error as StdError,
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use grep_searcher::{BinaryDetection, MmapChoice, Searcher, SearcherBuilder};
use memchr::memchr;
use regex_automata::util::pool::Pool;
use upbeat::Context;
use upbeat_work::{OnStop, Pipeline, PipelineError};

use crate::{
    InvalidPattern, Query, SearchError, Show,
    printer::{FileMatches, Printer},
    walk::{self, STDIN},
};

/// A search with a valid pattern.
#[derive(Debug)]
pub struct Search {
    query: Query,
    matcher: RegexMatcher,
    tools: Tools,
}

/// The time of a batch. It is long, because the other workers wait during the walk's system calls.
const BATCH: Duration = Duration::from_micros(500);

/// The tools of the workers: a buffer to read into, and the memory of the matcher.
type Tools = Pool<Tool, Box<dyn Fn() -> Tool + Send + Sync>>;

#[derive(Debug)]
struct Tool {
    matcher: RegexMatcher,
    searcher: Searcher,
    /// The first bytes of a file.
    head: Vec<u8>,
}

/// The size of the first read. Most source files are smaller.
const HEAD: usize = 64 * 1024;

impl Tool {
    /// Searches a whole reader. A file that fits into the head is searched in place, because a read
    /// by the searcher takes another system call and a copy.
    fn search(&mut self, mut read: impl Read, printer: &mut Printer<'_>) -> io::Result<()> {
        let Self { matcher, searcher, head } = self;
        let mut filled = 0;
        while filled < head.len() {
            let count = read.read(&mut head[filled..])?;
            filled += count;
            if count == 0 && memchr(b'\0', &head[..filled]).is_none() {
                return searcher.search_slice(&*matcher, &head[..filled], printer);
            } else if count == 0 {
                break;
            }
        }
        searcher.search_reader(&*matcher, head[..filled].chain(read), printer)
    }
}

/// The result of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// `true` if any line matched.
    pub any: bool,
    /// The number of files and directories that could not be read.
    pub failed: u64,
    /// The number of files that were searched or could not be read.
    pub files: u64,
}

/// A notice about a file, in addition to its matches.
#[derive(Clone, Copy, Debug)]
pub enum Notice<'a> {
    /// The file could not be searched: a [`SearchError`] or a panic.
    Failed(&'a (dyn StdError + 'static)),
    /// A matching line was not printed, because it is not text.
    BinaryMatch(&'a Path),
}

impl Search {
    /// Compiles the pattern. No file is read yet.
    ///
    /// # Errors
    ///
    /// If the pattern is no regular expression, or contains a line break.
    pub fn new(query: Query) -> Result<Self, InvalidPattern> {
        // The matcher puts the pattern into a group, which would shift the positions of errors.
        regex_syntax::parse(&query.pattern).map_err(Box::new)?;
        let matcher = RegexMatcherBuilder::new()
            .case_insensitive(query.ignore_case)
            .multi_line(true)
            .line_terminator(Some(b'\n'))
            .ban_byte(Some(b'\0'))
            .build(&query.pattern)?;
        let mut searcher = SearcherBuilder::new();
        searcher
            .line_number(query.show == Show::Lines)
            .binary_detection(BinaryDetection::convert(b'\0'))
            .bom_sniffing(false)
            // A memory map of a small file costs more than a read.
            .memory_map(MmapChoice::never());
        let template = matcher.clone();
        let make = move || Tool { matcher: template.clone(), searcher: searcher.build(), head: vec![0; HEAD] };
        Ok(Self { query, matcher, tools: Pool::new(Box::new(make)) })
    }

    /// Searches all files, and writes the matches. A file that cannot be read, or with matches that
    /// are not printed, is passed to `notice`. The search continues.
    ///
    /// Once `cx` is done the search ends soon. It abandons files that are being searched, but never
    /// writes a part of a line.
    ///
    /// # Errors
    ///
    /// If `out` fails.
    ///
    /// # Cancel safety
    ///
    /// As [`run_in`](upbeat_work::pipeline::Runnable::run_in): if the future is dropped, the
    /// workers soon end.
    pub async fn run<W: Write + Send + 'static>(
        self,
        cx: &Context,
        out: W,
        notice: impl Fn(Notice<'_>) + Send + Sync + 'static,
    ) -> Result<Found, PipelineError<W>> {
        let Query { sort, workers, .. } = self.query;
        let any = Arc::new(AtomicBool::new(false));
        let (files, names, context) = (walk::files(&self.query), Names::new(&self.query), cx.clone());
        let (found_any, notice) = (any.clone(), Arc::new(notice));
        let notice_binary = notice.clone();
        let search = Pipeline::from_iter(files)
            .try_map(|file| file)
            .name("walk")
            .write(out, move |file: PathBuf, out: &mut Vec<u8>| {
                let found = self.search_file(&file, names, &context, out)?;
                if found.lines > 0 {
                    found_any.store(true, Relaxed);
                }
                if found.hidden {
                    notice_binary(Notice::BinaryMatch(names.of(&file)));
                }
                Ok::<_, SearchError>(())
            })
            .name("search")
            .failures_to(move |failure| notice(Notice::Failed(failure.error())))
            .workers(workers)
            .batch_time(BATCH)
            .on_stop(OnStop::Drop);
        let report = if sort { search.run_in(cx).await? } else { search.unordered().run_in(cx).await? };
        Ok(Found { any: any.load(Relaxed), failed: report.failed, files: report.taken })
    }

    /// Searches a file.
    fn search_file(
        &self,
        file: &Path,
        names: Names,
        cx: &Context,
        out: &mut Vec<u8>,
    ) -> Result<FileMatches, SearchError> {
        let mut tool = self.tools.get();
        let name = names.of(file);
        let mut printer = Printer {
            out,
            path: names.shown.then_some(name),
            name,
            show: self.query.show,
            colored: self.query.color.then_some(&self.matcher),
            found: FileMatches::default(),
        };
        let searched = if file.as_os_str() == STDIN {
            tool.search(ReadUntilDone { cx, read: io::stdin().lock() }, &mut printer)
        } else {
            File::open(file).and_then(|read| tool.search(ReadUntilDone { cx, read }, &mut printer))
        };
        let found = printer.found;
        searched.map(|()| found).map_err(|error| SearchError::new(file, error))
    }
}

/// The names of files in the output.
#[derive(Clone, Copy, Debug)]
struct Names {
    /// `true` if each line starts with the name.
    shown: bool,
    /// `true` if names do not start with the current directory, which the query does not name.
    bare: bool,
}

impl Names {
    /// Returns the names as by `grep -r`, which does not name a single file.
    fn new(query: &Query) -> Self {
        let alone = matches!(&query.paths[..], [path] if !path.is_dir());
        Self { shown: !alone, bare: query.paths.is_empty() }
    }

    fn of(self, file: &Path) -> &Path {
        if file.as_os_str() == STDIN {
            Path::new("(standard input)")
        } else if self.bare {
            file.strip_prefix(".").unwrap_or(file)
        } else {
            file
        }
    }
}

/// A reader that fails once the context is done, so that a search of a large file can be stopped.
struct ReadUntilDone<'a, R> {
    cx: &'a Context,
    read: R,
}

impl<R: Read> Read for ReadUntilDone<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.cx.error().is_some() {
            return Err(io::Error::other("stopped"));
        }
        self.read.read(into)
    }
}
