//! What can be asked for on the command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::score::LogStyle;

/// Plays a score: the servers of a TOML file, started in order, watched, and stopped in order.
#[derive(Debug, Parser)]
#[command(name = "upbeat", version, after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,

    /// How log lines are written; the score's `log` if not given
    #[arg(long, global = true, value_enum, value_name = "STYLE")]
    pub(crate) log: Option<LogStyle>,

    /// Write errors only, and the report only if the stop was not clean
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Command {
    /// Play a score until Ctrl-C or SIGTERM (what `upbeat` does when nothing is asked for)
    #[command(after_help = PLAY_HELP)]
    Play {
        /// The score to play; the default score if not given
        score: Option<PathBuf>,
    },
    /// Find every mistake in a score and print the plan, without starting anything
    #[command(after_help = CHECK_HELP)]
    Check {
        /// The score to check
        score: PathBuf,
    },
    /// Print the default score, a starting point to copy
    #[command(after_help = SCORE_HELP)]
    Score,
}

impl Arguments {
    /// What was asked for.
    pub(crate) fn command(&self) -> Command {
        self.command.clone().unwrap_or(Command::Play { score: None })
    }
}

const AFTER_HELP: &str = "\
Examples:
  upbeat                           Play the default score: hello on port 7000, and four more
  upbeat score > score.toml        Begin a score of your own
  upbeat check score.toml          Find its mistakes, see in which order it starts
  upbeat play score.toml           Play it; Ctrl-C stops it in order, a second one at once
  RUST_LOG=debug upbeat play       See more (the syntax is that of tracing's EnvFilter)

Exit codes:
  0    stopped as asked
  1    a player failed, or could not start
  64   the command line is wrong
  78   the score is wrong; nothing was started
  124  the stop took too long: something was killed or left
  130  forced by a second Ctrl-C; 143 by a second SIGTERM";

const PLAY_HELP: &str = "\
Examples:
  upbeat play                      Play the default score (see it with `upbeat score`)
  upbeat play score.toml           Play your own
  upbeat play score.toml --log json 2> log.json
                                   One JSON object a line, the report as the last
  upbeat play -q                   Say something only when something is wrong

The first Ctrl-C or SIGTERM stops every player in order, within the score's `grace`. The second aborts.";

const CHECK_HELP: &str = "\
Prints the start plan by waves (what starts together), and the stop that can take the longest, against
the score's `grace`. Exits with 0 if the score can be played, 78 if not.

Examples:
  upbeat check score.toml
  upbeat score | upbeat check /dev/stdin";

const SCORE_HELP: &str = "\
Examples:
  upbeat score                     Read it: every key is explained
  upbeat score > score.toml        Begin a score of your own";
