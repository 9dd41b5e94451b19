//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::score::LogStyle;

/// The arguments of the program.
#[derive(Debug, Parser)]
#[command(name = "upbeat", version, about = ABOUT, after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,

    /// Format of log lines; by default the score's `log`
    #[arg(long, global = true, value_enum, value_name = "STYLE")]
    pub(crate) log: Option<LogStyle>,

    /// Print only errors, and the report only if the stop was not clean
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

/// The commands of the program.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Command {
    /// Play a score until Ctrl-C or SIGTERM; the default command
    #[command(after_help = PLAY_HELP)]
    Play {
        /// The score file, or - for standard input; by default the built-in score
        score: Option<PathBuf>,
    },
    /// List all faults of a score, or print its start plan; nothing is started
    #[command(after_help = CHECK_HELP)]
    Check {
        /// The score file, or - for standard input
        score: PathBuf,
    },
    /// Print the built-in score, which explains every key
    #[command(after_help = SCORE_HELP)]
    Score,
}

impl Arguments {
    /// Returns the command, which is `play` unless another one is given.
    pub(crate) fn command(&self) -> Command {
        self.command.clone().unwrap_or(Command::Play { score: None })
    }
}

const ABOUT: &str = "\
Plays a score: starts the servers of a TOML file in the order of their dependencies, supervises
them, and stops them in reverse order";

const AFTER_HELP: &str = "\
Examples:
  upbeat                           Play the built-in score: hello on port 7000, and four more
  upbeat score > score.toml        Start your own score from the built-in one
  upbeat check score.toml          List its faults, or print its start plan
  upbeat play score.toml           Play it; Ctrl-C stops it gracefully, a second Ctrl-C aborts it
  RUST_LOG=debug upbeat play       Print more log lines (in the syntax of tracing's EnvFilter)

Exit codes:
  0    stopped on request
  1    a player failed or could not start
  64   invalid usage
  78   invalid score; nothing was started
  124  the stop exceeded its timeout; work was aborted or leaked
  130  aborted by a second Ctrl-C; 143 by a second SIGTERM";

const PLAY_HELP: &str = "\
Examples:
  upbeat play                      Play the built-in score (`upbeat score` prints it)
  upbeat play score.toml           Play your own score
  upbeat play score.toml --log json 2> log.json
                                   Write one JSON object per line; the last one is the report
  upbeat play -q                   Print only errors

While nothing reads standard error, log lines are dropped and counted, and nothing waits for them.

The first Ctrl-C or SIGTERM stops all players in order, within the `grace` of the score.
The second one aborts them.";

const CHECK_HELP: &str = "\
If the score is valid, prints its start plan in waves (a wave starts together) and its longest
stop, which is compared with `grace`, and exits with 0. If it is not, prints all its faults,
each with its position and a fix, and exits with 78.

Examples:
  upbeat check score.toml
  upbeat score | upbeat check -    Relative paths then start at the working directory";

const SCORE_HELP: &str = "\
Examples:
  upbeat score                     Read it
  upbeat score > score.toml        Start your own score from it";
