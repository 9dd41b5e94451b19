//! Searches directories for a regular expression, with the answers of `grep -rn`.
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
use upbeat_grep::{Query, Remark, Search, Show};
use upbeat_work::pipeline::PipelineFailure;

/// Searches files and directories for a regular expression
#[derive(Debug, Parser)]
#[command(name = "grep", after_help = AFTER_HELP)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch")]
struct Arguments {
    /// The regular expression, in the syntax of Rust's crate `regex`
    pattern: String,
    /// Files, and directories with all that is below them; - is the standard input. The current directory if not given
    paths: Vec<PathBuf>,

    /// Upper and lower case are the same
    #[arg(short, long)]
    ignore_case: bool,
    /// Show only the names of files that match
    #[arg(short = 'l', long, conflicts_with = "count")]
    files_with_matches: bool,
    /// Show only how many lines match, file by file
    #[arg(short, long)]
    count: bool,

    /// Leave out what .gitignore, .ignore and their like name
    #[arg(long, overrides_with = "no_ignore")]
    ignore: bool,
    /// Search those too (what is done anyway)
    #[arg(long)]
    no_ignore: bool,
    /// Leave out files and directories whose names begin with a dot
    #[arg(long, overrides_with = "hidden")]
    no_hidden: bool,
    /// Search those too (what is done anyway)
    #[arg(long)]
    hidden: bool,

    /// Files in the order of their paths; without it, as they are finished
    #[arg(long)]
    sort: bool,
    /// How many threads search; as many as there are processors if not given
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    workers: Option<u16>,
    /// When to use colours
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Colour::Auto)]
    color: Colour,
}

/// When colours are used.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Colour {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

const AFTER_HELP: &str = "\
The answers are those of `grep -rn` in a UTF-8 locale: hidden files are searched, links below a directory are not followed, and of a line that
is not text it is only said that it matches. The lines of a file stay together.

Examples:
  grep 'fn \\w+_all' src             Lines with their file and number
  grep -il todo                     Which files below the current directory have one
  grep --ignore --no-hidden TODO    As ripgrep would choose the files
  grep --sort -c 'unsafe' src       Counts, in the order of the paths

Exit codes:
  0    something was found
  1    nothing was
  2    the pattern or the command line is wrong, or a file could not be read (even if something was found)
  130  stopped by Ctrl-C; 143 by SIGTERM";

const FOUND: u8 = 0;
const NOTHING: u8 = 1;
const TROUBLE: u8 = 2;

fn main() -> ExitCode {
    let search = match Search::new(query(Arguments::parse())) {
        Ok(search) => search,
        Err(error) => return refuse(&error),
    };
    let played = job::play("grep", async move |cx: Context| match search.run(&cx, io::stdout(), tell).await {
        Ok(found) if found.failed > 0 => Ok(TROUBLE),
        Ok(found) => Ok(if found.any { FOUND } else { NOTHING }),
        Err(error) => Err(error.into_parts().0),
    });
    let played = match played {
        Ok(played) => played,
        Err(error) => return refuse(&error),
    };
    if let Some(code) = played.interrupted() {
        return ExitCode::from(code);
    }
    match played.answer {
        Some(Ok(code)) => ExitCode::from(code),
        // A reader that has gone, as `head` does, has what it wanted.
        Some(Err(PipelineFailure::Sink(error))) if is_broken_pipe(&*error) => ExitCode::from(FOUND),
        Some(Err(cause)) => refuse(&cause),
        None => {
            say(&played.report);
            ExitCode::from(TROUBLE)
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
    query.colour = match arguments.color {
        Colour::Always => true,
        Colour::Never => false,
        Colour::Auto => io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
    };
    query.hidden = !arguments.no_hidden;
    query.heed_ignore_files = arguments.ignore;
    query.sort = arguments.sort;
    query.workers = arguments.workers.map_or(query.workers, usize::from);
    query
}

fn is_broken_pipe(error: &(dyn StdError + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn tell(remark: Remark<'_>) {
    match remark {
        Remark::Failed(error) => say(&with_causes(error)),
        Remark::KeptBack(file) => say(&format_args!("{}: binary file matches", file.display())),
    }
}

fn refuse(error: &(dyn StdError + 'static)) -> ExitCode {
    say(&with_causes(error));
    ExitCode::from(TROUBLE)
}

/// If that fails, there is nobody left to tell.
fn say(text: &impl std::fmt::Display) {
    let _ = writeln!(io::stderr(), "grep: {text}");
}
