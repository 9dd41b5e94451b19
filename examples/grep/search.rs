//! The search.

use std::{
    cell::RefCell,
    error::Error as StdError,
    fs::File,
    io::{self, Read, Seek as _, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
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
    outlet::{Inlet, Outlet, ReadAndFlush},
    printer::{FileMatches, Position, Printer},
    walk::{self, STDIN, Target},
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

/// The size of the lines of a file that a worker collects. The sink searches the rest of the file,
/// and writes its lines as they come.
const MAX_COLLECTED: usize = 256 * 1024;

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
    fn search(&mut self, mut read: impl Read, printer: &mut Printer<'_, impl Write>) -> io::Result<()> {
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

    /// Searches a reader as its bytes come.
    fn search_stream(&mut self, read: impl Read, printer: &mut Printer<'_, impl Write>) -> io::Result<()> {
        self.searcher.search_reader(&self.matcher, read, printer)
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
    /// Memory does not depend on the size of files or of the output. Lines of a pipe or a device
    /// are written before the next read of it.
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
        mut out: W,
        notice: impl Fn(Notice<'_>) + Send + Sync + 'static,
    ) -> Result<Found, PipelineError<()>> {
        let Query { sort, workers, .. } = self.query;
        let files = walk::files(&self.query);
        let (any, failed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let names = Names::new(&self.query);
        let searching = Arc::new(Searching { search: self, names, cx: cx.clone(), any: any.clone(), notice });
        let (of_workers, of_failures) = (searching.clone(), searching.clone());
        let failed_in_sink = failed.clone();
        let search = Pipeline::from_iter(files)
            .try_map(|file| file)
            .name("walk")
            .try_map(move |file| match file {
                Target::File(file) => of_workers.collect(&file),
                Target::Stream(path) => Ok(Collected { text: Vec::new(), rest: Some(Rest::Stream(path)) }),
            })
            .name("search")
            .try_for_each(move |Collected { text, rest }: Collected| -> io::Result<()> {
                if !text.is_empty() {
                    out.write_all(&text)?;
                    out.flush()?;
                }
                if let Some(rest) = rest
                    && let Err(error) = searching.write(rest, &mut out)?
                    && searching.cx.error().is_none()
                {
                    failed_in_sink.fetch_add(1, Relaxed);
                    (searching.notice)(Notice::Failed(&error));
                }
                Ok(())
            })
            .name("write")
            .failures_to(move |failure| (of_failures.notice)(Notice::Failed(failure.error())))
            .workers(workers)
            .batch_time(BATCH)
            .on_stop(OnStop::Drop);
        let report = if sort { search.run_in(cx).await? } else { search.unordered().run_in(cx).await? };
        Ok(Found { any: any.load(Relaxed), failed: report.failed + failed.load(Relaxed), files: report.taken })
    }
}

/// The result of a worker: lines of a file, and what is left to search.
struct Collected {
    text: Vec<u8>,
    rest: Option<Rest>,
}

/// A file that the sink searches, because its output may be large or have no end.
enum Rest {
    Stream(PathBuf),
    File { path: PathBuf, file: File, start: Position, found: FileMatches },
}

/// A search that runs.
struct Searching<N> {
    search: Search,
    names: Names,
    cx: Context,
    any: Arc<AtomicBool>,
    notice: N,
}

impl<N: Fn(Notice<'_>)> Searching<N> {
    /// Searches a file up to its end, or until the lines are too many to collect.
    fn collect(&self, path: &Path) -> Result<Collected, SearchError> {
        let failed = |error| SearchError::new(path, error);
        let mut text = Vec::new();
        let file = File::open(path).map_err(failed)?;
        let mut printer = self.printer(&mut text, path, MAX_COLLECTED);
        let read = ReadUntilDone { cx: &self.cx, read: &file };
        self.search.tools.get().search(read, &mut printer).map_err(failed)?;
        let Printer { found, paused, .. } = printer;
        if paused.is_none() {
            self.record(path, found);
        }
        let rest = paused.map(|start| Rest::File { path: path.to_owned(), file, start, found });
        Ok(Collected { text, rest })
    }

    /// Searches the rest of a file, and writes its lines as they come.
    ///
    /// The outer error is that of the output, and the inner one that of the file.
    fn write(&self, rest: Rest, out: &mut impl Write) -> io::Result<Result<(), SearchError>> {
        let outlet = RefCell::new(Outlet::new(out));
        let (path, searched) = match rest {
            Rest::Stream(path) if path.as_os_str() == STDIN => {
                let searched =
                    self.write_from(io::stdin().lock(), &path, Position::default(), FileMatches::default(), &outlet);
                (path, searched)
            }
            Rest::Stream(path) => {
                let searched = File::open(&path).and_then(|file| {
                    self.write_from(file, &path, Position::default(), FileMatches::default(), &outlet)
                });
                (path, searched)
            }
            Rest::File { path, mut file, start, found } => {
                let searched = file
                    .seek(SeekFrom::Start(start.offset))
                    .and_then(|_| self.write_from(file, &path, start, found, &outlet));
                (path, searched)
            }
        };
        outlet.into_inner().finish()?;
        Ok(searched.map_err(|error| SearchError::new(&path, error)))
    }

    fn write_from<W: Write>(
        &self,
        read: impl Read,
        path: &Path,
        start: Position,
        found: FileMatches,
        outlet: &RefCell<Outlet<W>>,
    ) -> io::Result<()> {
        let mut printer = Printer { start, found, ..self.printer(Inlet(outlet), path, usize::MAX) };
        let read = ReadAndFlush { read: ReadUntilDone { cx: &self.cx, read }, outlet };
        let searched = self.search.tools.get().search_stream(read, &mut printer);
        self.record(path, printer.found);
        searched
    }

    fn printer<'a, W>(&'a self, out: W, file: &'a Path, limit: usize) -> Printer<'a, W> {
        let name = self.names.of(file);
        Printer {
            out,
            limit,
            path: self.names.shown.then_some(name),
            name,
            show: self.search.query.show,
            colored: self.search.query.color.then_some(&self.search.matcher),
            start: Position::default(),
            found: FileMatches::default(),
            paused: None,
        }
    }

    fn record(&self, file: &Path, found: FileMatches) {
        if found.lines > 0 {
            self.any.store(true, Relaxed);
        }
        if found.hidden {
            (self.notice)(Notice::BinaryMatch(self.names.of(file)));
        }
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
