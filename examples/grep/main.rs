//! A search of directories for a regular expression, with the output of `grep -rn`.
//!
//! ```console
//! $ cargo run --release --example grep -- 'fn \w+_all' crates
//! ```

use std::{
    env,
    error::Error as StdError,
    io::{self, IsTerminal as _, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Parser, ValueEnum};
use upbeat::Context;
use upbeat_examples::{job, with_causes};
use upbeat_grep::{Notice, Query, Search, Show};
use upbeat_work::pipeline::PipelineFailure;

/// Searches files and directories for a regular expression
#[derive(Debug, Parser)]
#[command(name = "grep", after_help = AFTER_HELP)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch")]
struct Arguments {
    /// Regular expression in the syntax of the crate `regex`
    pattern: String,
    /// Files and directories to search, or - for standard input; by default the current directory
    paths: Vec<PathBuf>,

    /// Ignore the difference between upper and lower case
    #[arg(short, long)]
    ignore_case: bool,
    /// Print only the names of files with a match
    #[arg(short = 'l', long, conflicts_with = "count")]
    files_with_matches: bool,
    /// Print only the number of matching lines of each file
    #[arg(short, long)]
    count: bool,

    /// Skip files that .gitignore, .ignore and similar files exclude
    #[arg(long, overrides_with = "no_ignore")]
    ignore: bool,
    /// Search excluded files (default)
    #[arg(long)]
    no_ignore: bool,
    /// Skip hidden files and directories
    #[arg(long, overrides_with = "hidden")]
    no_hidden: bool,
    /// Search hidden files and directories (default)
    #[arg(long)]
    hidden: bool,

    /// Sort files by path; by default they are printed in the order of their completion
    #[arg(long)]
    sort: bool,
    /// Number of threads; by default the number of processors
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    workers: Option<u16>,
    /// When to use colors
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    color: Color,
}

/// The use of colors.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

const AFTER_HELP: &str = "\
The output is that of `grep -rn` in a UTF-8 locale: hidden files are searched, links within a
directory are not followed, and matches that are not text are only reported. The lines of a file
stay together.

Examples:
  grep 'fn \\w+_all' src             Print lines with their file and number
  grep -il todo                     Print the names of files with a match
  grep --ignore --no-hidden TODO    Search the files that ripgrep would search
  grep --sort -c 'unsafe' src       Print counts, sorted by path

Exit codes:
  0    a line matches
  1    no line matches
  2    invalid pattern or usage, or a file could not be read (even if a line matches)
  130  stopped by Ctrl-C; 143 by SIGTERM";

const MATCH: u8 = 0;
const NO_MATCH: u8 = 1;
const FAILURE: u8 = 2;

fn main() -> ExitCode {
    let search = match Search::new(query(Arguments::parse())) {
        Ok(search) => search,
        Err(error) => return fail(&error),
    };
    let played = job::play("grep", async move |cx: Context| match search.run(&cx, io::stdout(), print_notice).await {
        Ok(found) if found.failed > 0 => Ok(FAILURE),
        Ok(found) => Ok(if found.any { MATCH } else { NO_MATCH }),
        Err(error) => Err(error.into_parts().0),
    });
    let played = match played {
        Ok(played) => played,
        Err(error) => return fail(&error),
    };
    if let Some(code) = played.interrupted() {
        return ExitCode::from(code);
    }
    match played.answer {
        Some(Ok(code)) => ExitCode::from(code),
        // A closed pipe is no error: a reader such as `head` needs no more.
        Some(Err(PipelineFailure::Sink(error))) if is_broken_pipe(&*error) => ExitCode::from(MATCH),
        Some(Err(cause)) => fail(&cause),
        None => {
            print_error(&played.report);
            ExitCode::from(FAILURE)
        }
    }
}

fn query(arguments: Arguments) -> Query {
    let mut query = Query::new(arguments.pattern);
    query.paths = arguments.paths;
    query.ignore_case = arguments.ignore_case;
    query.show = match (arguments.files_with_matches, arguments.count) {
        (true, _) => Show::Files,
        (_, true) => Show::Counts,
        _ => Show::Lines,
    };
    query.color = match arguments.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
    };
    query.hidden = !arguments.no_hidden;
    query.respect_ignore_files = arguments.ignore;
    query.sort = arguments.sort;
    query.workers = arguments.workers.map_or(query.workers, usize::from);
    query
}

fn is_broken_pipe(error: &(dyn StdError + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn print_notice(notice: Notice<'_>) {
    match notice {
        Notice::Failed(error) => print_error(&with_causes(error)),
        Notice::BinaryMatch(file) => print_error(&format_args!("{}: binary file matches", file.display())),
    }
}

fn fail(error: &(dyn StdError + 'static)) -> ExitCode {
    print_error(&with_causes(error));
    ExitCode::from(FAILURE)
}

/// Prints a line to standard error. A failure to write has no other output to go to.
fn print_error(text: &impl std::fmt::Display) {
    let _ = writeln!(io::stderr(), "grep: {text}");
}
