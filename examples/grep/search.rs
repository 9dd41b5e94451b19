//! The search itself.

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
    BadPattern, Query, SearchError, Show,
    printer::{Printer, Seen},
    walk::{self, STDIN},
};

/// A query whose pattern is known to be good.
#[derive(Debug)]
pub struct Search {
    query: Query,
    matcher: RegexMatcher,
    tools: Tools,
}

/// The walk makes system calls while the other workers wait for it: they come for more files, less often.
const BATCH: Duration = Duration::from_micros(500);

/// What each worker needs for itself: a buffer to read into, and the memory in which a pattern is matched.
type Tools = Pool<Tool, Box<dyn Fn() -> Tool + Send + Sync>>;

#[derive(Debug)]
struct Tool {
    matcher: RegexMatcher,
    searcher: Searcher,
    /// The beginning of a file.
    head: Vec<u8>,
}

/// Most sources are shorter than this.
const HEAD: usize = 64 * 1024;

impl Tool {
    /// Searches to the end of a reader. What fits into the head is searched where it lies; the searcher's own way of reading takes a system call
    /// more for each file, and copies it once more, with every NUL replaced.
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

/// What came of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Whether any line matched.
    pub any: bool,
    /// How many files and directories could not be read.
    pub failed: u64,
    /// How many files were searched, or found to be unreadable.
    pub files: u64,
}

/// What is to be said of a file besides what is found in it.
#[derive(Clone, Copy, Debug)]
pub enum Remark<'a> {
    /// It could not be searched, a [`SearchError`]; or the search of it panicked.
    Failed(&'a (dyn StdError + 'static)),
    /// Lines of it match that are not shown, because they are no text.
    KeptBack(&'a Path),
}

impl Search {
    /// Compiles the pattern. Nothing is read yet.
    ///
    /// # Errors
    ///
    /// When the pattern is no regular expression, or has a line break in it.
    pub fn new(query: Query) -> Result<Self, BadPattern> {
        // Alone first: the matcher puts it into a group, and a mark below that would point elsewhere.
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
            // To map a small file into memory costs more than to read it.
            .memory_map(MmapChoice::never());
        let of_tools = matcher.clone();
        let make = move || Tool { matcher: of_tools.clone(), searcher: searcher.build(), head: vec![0; HEAD] };
        Ok(Self { query, matcher, tools: Pool::new(Box::new(make)) })
    }

    /// Searches all files, and writes what is found. What is to be said of a file, because it cannot be read or
    /// because not all of it is shown, is a remark; the others go on.
    ///
    /// When `cx` is done it ends soon: a file that is being searched is given up, and of no file is there half a line.
    ///
    /// # Errors
    ///
    /// When `out` fails.
    ///
    /// # Cancel safety
    ///
    /// That of [`run_in`](upbeat_work::pipeline::Runnable::run_in): when it is dropped, the workers soon end.
    pub async fn run<W: Write + Send + 'static>(
        self,
        cx: &Context,
        out: W,
        remark: impl Fn(Remark<'_>) + Send + Sync + 'static,
    ) -> Result<Found, PipelineError<W>> {
        let Query { sort, workers, .. } = self.query;
        let any = Arc::new(AtomicBool::new(false));
        let (files, names, context) = (walk::files(&self.query), Names::new(&self.query), cx.clone());
        let (seen_any, remark) = (any.clone(), Arc::new(remark));
        let aside = remark.clone();
        let search = Pipeline::from_iter(files)
            .try_map(|file| file)
            .name("walk")
            .write(out, move |file: PathBuf, out: &mut Vec<u8>| {
                let seen = self.one(&file, names, &context, out)?;
                if seen.lines > 0 {
                    seen_any.store(true, Relaxed);
                }
                if seen.kept_back {
                    aside(Remark::KeptBack(names.of(&file)));
                }
                Ok::<_, SearchError>(())
            })
            .name("search")
            .failures_to(move |failure| remark(Remark::Failed(failure.error())))
            .workers(workers)
            .batch_time(BATCH)
            .on_stop(OnStop::Drop);
        let report = if sort { search.run_in(cx).await? } else { search.unordered().run_in(cx).await? };
        Ok(Found { any: any.load(Relaxed), failed: report.failed, files: report.taken })
    }

    /// Searches one file.
    fn one(&self, file: &Path, names: Names, cx: &Context, out: &mut Vec<u8>) -> Result<Seen, SearchError> {
        let mut tool = self.tools.get();
        let name = names.of(file);
        let mut printer = Printer {
            out,
            path: names.shown.then_some(name),
            name,
            show: self.query.show,
            painter: self.query.colour.then_some(&self.matcher),
            seen: Seen::default(),
        };
        let searched = if file.as_os_str() == STDIN {
            tool.search(Unless { cx, read: io::stdin().lock() }, &mut printer)
        } else {
            File::open(file).and_then(|read| tool.search(Unless { cx, read }, &mut printer))
        };
        let seen = printer.seen;
        searched.map(|()| seen).map_err(|error| SearchError::new(file, error))
    }
}

/// What files are called.
#[derive(Clone, Copy, Debug)]
struct Names {
    /// Whether lines begin with them.
    shown: bool,
    /// Whether they are named without the current directory, because nobody has named that.
    bare: bool,
}

impl Names {
    /// As `grep -r` has it: a file that is asked for alone is not named.
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

/// Reads until the context is done: a file may be larger than anybody's patience.
struct Unless<'a, R> {
    cx: &'a Context,
    read: R,
}

impl<R: Read> Read for Unless<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.cx.error().is_some() {
            return Err(io::Error::other("stopped"));
        }
        self.read.read(into)
    }
}
