//! The output of a file.

use std::{
    fmt::Display,
    io::{self, Write},
    os::unix::ffi::OsStrExt as _,
    path::Path,
};

use anstyle::{AnsiColor, Effects, Style};
use grep_matcher::Matcher as _;
use grep_regex::RegexMatcher;
use grep_searcher::{Searcher, Sink, SinkFinish, SinkMatch};

use crate::Show;

/// The colors of GNU grep.
const PATH: Style = AnsiColor::Magenta.on_default();
const NUMBER: Style = AnsiColor::Green.on_default();
const SEPARATOR: Style = AnsiColor::Cyan.on_default();
const HIT: Style = AnsiColor::Red.on_default().effects(Effects::BOLD);

/// The size of a line's number and separators.
const MAX_NUMBER: usize = 16;

/// A sink that writes each match as it is found.
pub(crate) struct Printer<'a, W> {
    pub(crate) out: W,
    /// The number of bytes of lines after which it pauses the search.
    pub(crate) limit: usize,
    /// The path that starts each line, if lines have one.
    pub(crate) path: Option<&'a Path>,
    /// The path in lists of files.
    pub(crate) name: &'a Path,
    pub(crate) show: Show,
    /// The matcher that finds the matches within a line, if they are colored.
    pub(crate) colored: Option<&'a RegexMatcher>,
    /// The start of the search in the file.
    pub(crate) start: Position,
    pub(crate) found: FileMatches,
    /// The position behind the last line, if the limit was reached.
    pub(crate) paused: Option<Position>,
}

/// A position in a file, at the start of a line.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Position {
    pub(crate) offset: u64,
    /// The number of lines before it.
    pub(crate) lines: u64,
}

/// The matches of a file.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FileMatches {
    /// The number of matching lines, or 1 if only the name of the file is printed.
    pub(crate) lines: u64,
    /// `true` after a NUL.
    binary: bool,
    /// `true` if a matching line was not printed, because it is not text.
    pub(crate) hidden: bool,
}

impl<W: Write> Printer<'_, W> {
    fn line(&mut self, number: Option<u64>, line: &[u8]) -> io::Result<()> {
        self.prefix()?;
        if let Some(number) = number {
            self.colored_text(NUMBER, number)?;
            self.separator()?;
        }
        match self.colored {
            Some(matcher) => self.colored_matches(matcher, line)?,
            None => self.out.write_all(line)?,
        }
        self.out.write_all(b"\n")
    }

    fn prefix(&mut self) -> io::Result<()> {
        if let Some(path) = self.path {
            self.raw_path(path)?;
            self.separator()?;
        }
        Ok(())
    }

    /// Writes the bytes of a path, which need not be text.
    fn raw_path(&mut self, path: &Path) -> io::Result<()> {
        self.begin(PATH)?;
        self.out.write_all(path.as_os_str().as_bytes())?;
        self.end(PATH)
    }

    fn separator(&mut self) -> io::Result<()> {
        self.colored_text(SEPARATOR, ':')
    }

    fn colored_text(&mut self, style: Style, what: impl Display) -> io::Result<()> {
        self.begin(style)?;
        write!(self.out, "{what}")?;
        self.end(style)
    }

    fn colored_matches(&mut self, matcher: &RegexMatcher, line: &[u8]) -> io::Result<()> {
        let mut done = 0;
        let result = matcher.try_find_iter(line, |found| {
            if !found.is_empty() {
                self.out.write_all(&line[done..found.start()])?;
                self.begin(HIT)?;
                self.out.write_all(&line[found])?;
                self.end(HIT)?;
                done = found.end();
            }
            Ok::<_, io::Error>(true)
        });
        result.map_err(io::Error::other)??;
        self.out.write_all(&line[done..])
    }

    fn begin(&mut self, style: Style) -> io::Result<()> {
        if self.colored.is_some() { write!(self.out, "{}", style.render()) } else { Ok(()) }
    }

    fn end(&mut self, style: Style) -> io::Result<()> {
        if self.colored.is_some() { write!(self.out, "{}", style.render_reset()) } else { Ok(()) }
    }
}

impl<W: Write> Sink for Printer<'_, W> {
    type Error = io::Error;

    /// Handles a matching line, and returns whether to search on.
    fn matched(&mut self, _: &Searcher, found: &SinkMatch<'_>) -> io::Result<bool> {
        self.found.lines += 1;
        if self.show != Show::Lines {
            return Ok(self.show == Show::Counts);
        }
        let line = found.bytes().strip_suffix(b"\n").unwrap_or(found.bytes());
        if self.found.binary || std::str::from_utf8(line).is_err() {
            self.found.hidden = true;
            return Ok(!self.found.binary);
        }
        let number = found.line_number().map(|number| self.start.lines + number);
        self.line(number, line)?;
        let prefix = self.path.map_or(0, |path| path.as_os_str().len()) + MAX_NUMBER;
        self.limit = self.limit.saturating_sub(prefix + line.len());
        if self.limit == 0 {
            let offset = self.start.offset + found.absolute_byte_offset() + found.bytes().len() as u64;
            self.paused = number.map(|lines| Position { offset, lines });
        }
        Ok(self.paused.is_none())
    }

    fn binary_data(&mut self, _: &Searcher, _: u64) -> io::Result<bool> {
        self.found.binary = true;
        Ok(true)
    }

    fn finish(&mut self, _: &Searcher, _: &SinkFinish) -> io::Result<()> {
        match self.show {
            Show::Files if self.found.lines > 0 => {
                self.raw_path(self.name)?;
                self.out.write_all(b"\n")?;
            }
            Show::Counts => {
                self.prefix()?;
                writeln!(self.out, "{}", self.found.lines)?;
            }
            Show::Lines | Show::Files => {}
        }
        Ok(())
    }
}
