//! What is written of one file.

use std::{
    fmt::Display,
    io::{self, Write as _},
    os::unix::ffi::OsStrExt as _,
    path::Path,
};

use anstyle::{AnsiColor, Effects, Style};
use grep_matcher::Matcher as _;
use grep_regex::RegexMatcher;
use grep_searcher::{Searcher, Sink, SinkFinish, SinkMatch};

use crate::Show;

/// GNU grep's colours.
const PATH: Style = AnsiColor::Magenta.on_default();
const NUMBER: Style = AnsiColor::Green.on_default();
const SEPARATOR: Style = AnsiColor::Cyan.on_default();
const HIT: Style = AnsiColor::Red.on_default().effects(Effects::BOLD);

/// Writes matches down as they are found.
pub(crate) struct Printer<'a> {
    pub(crate) out: &'a mut Vec<u8>,
    /// The file, unless it goes without saying.
    pub(crate) path: Option<&'a Path>,
    /// What to call it where it has to be named.
    pub(crate) name: &'a Path,
    pub(crate) show: Show,
    /// What finds the matches of a line again, if they are to be painted.
    pub(crate) painter: Option<&'a RegexMatcher>,
    pub(crate) seen: Seen,
}

/// What there was to see.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// Lines that match; where one is enough, maybe fewer.
    pub(crate) lines: u64,
    /// There was a NUL, here or further up.
    binary: bool,
    /// A line was not shown.
    pub(crate) kept_back: bool,
}

impl Printer<'_> {
    fn line(&mut self, number: Option<u64>, line: &[u8]) -> io::Result<()> {
        self.prefix()?;
        if let Some(number) = number {
            self.painted(NUMBER, number)?;
            self.separator()?;
        }
        match self.painter {
            Some(matcher) => self.painted_matches(matcher, line)?,
            None => self.out.extend_from_slice(line),
        }
        self.out.push(b'\n');
        Ok(())
    }

    fn prefix(&mut self) -> io::Result<()> {
        if let Some(path) = self.path {
            self.path_itself(path)?;
            self.separator()?;
        }
        Ok(())
    }

    /// Its bytes as they are: a name need not be text.
    fn path_itself(&mut self, path: &Path) -> io::Result<()> {
        self.begin(PATH)?;
        self.out.extend_from_slice(path.as_os_str().as_bytes());
        self.end(PATH)
    }

    fn separator(&mut self) -> io::Result<()> {
        self.painted(SEPARATOR, ':')
    }

    fn painted(&mut self, style: Style, what: impl Display) -> io::Result<()> {
        self.begin(style)?;
        write!(self.out, "{what}")?;
        self.end(style)
    }

    fn painted_matches(&mut self, matcher: &RegexMatcher, line: &[u8]) -> io::Result<()> {
        let mut done = 0;
        let painted = matcher.try_find_iter(line, |found| {
            if !found.is_empty() {
                self.out.extend_from_slice(&line[done..found.start()]);
                self.begin(HIT)?;
                self.out.extend_from_slice(&line[found]);
                self.end(HIT)?;
                done = found.end();
            }
            Ok::<_, io::Error>(true)
        });
        painted.map_err(io::Error::other)??;
        self.out.extend_from_slice(&line[done..]);
        Ok(())
    }

    fn begin(&mut self, style: Style) -> io::Result<()> {
        if self.painter.is_some() { write!(self.out, "{}", style.render()) } else { Ok(()) }
    }

    fn end(&mut self, style: Style) -> io::Result<()> {
        if self.painter.is_some() { write!(self.out, "{}", style.render_reset()) } else { Ok(()) }
    }
}

impl Sink for Printer<'_> {
    type Error = io::Error;

    /// A matching line. Says whether to look for more.
    fn matched(&mut self, _: &Searcher, found: &SinkMatch<'_>) -> io::Result<bool> {
        self.seen.lines += 1;
        if self.show != Show::Lines {
            return Ok(self.show == Show::Counts);
        }
        let line = found.bytes().strip_suffix(b"\n").unwrap_or(found.bytes());
        if self.seen.binary || std::str::from_utf8(line).is_err() {
            self.seen.kept_back = true;
            return Ok(!self.seen.binary);
        }
        self.line(found.line_number(), line)?;
        Ok(true)
    }

    fn binary_data(&mut self, _: &Searcher, _: u64) -> io::Result<bool> {
        self.seen.binary = true;
        Ok(true)
    }

    fn finish(&mut self, _: &Searcher, _: &SinkFinish) -> io::Result<()> {
        match self.show {
            Show::Files if self.seen.lines > 0 => {
                self.path_itself(self.name)?;
                self.out.push(b'\n');
            }
            Show::Counts => {
                self.prefix()?;
                writeln!(self.out, "{}", self.seen.lines)?;
            }
            Show::Lines | Show::Files => {}
        }
        Ok(())
    }
}
