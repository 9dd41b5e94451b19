//! The costs of Upbeat, compared with the tools that it is built on and with its peers.
//!
//! Each contender runs in its own process, a child of this program. Contenders take turns in each
//! round, so that a slow phase of the machine affects all of them. Ratios are therefore more stable
//! than absolute figures.

mod args;
mod breakeven;
mod child;
mod grep;
mod http;
mod measure;
mod pipeline;
mod players;
mod pool;
mod stats;
mod stop;
mod table;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use args::Args;

const USAGE: &str = "\
usage: upbeat-bench <command> [options]

  players [--rounds N]                            start and stop of 1k, 10k and 100k idle players
  stop [--runs N]                                 latency of a stop of 10 players
  http [--seconds S] [--rounds N] [--workers W]   requests, CPU and memory of HTTP servers
  pipeline [--rounds N] [--rows N] [--samples N]  pipelines, loops, rayon and channels
  pool [--rounds N] [--workers W]                 jobs with replies: a pool, tasks, channels
  breakeven [--rounds N]                          the size from which a pipeline is faster than a loop
  grep [DIR] [--rounds N] [--pattern REGEX]       a search of sources: Upbeat, the walk of ripgrep, goroutines
  all                                             all of them, as in BENCHMARKS.md
";

fn main() -> anyhow::Result<ExitCode> {
    let mut args = std::env::args().skip(1);
    let command = args.next().unwrap_or_default();
    let args = Args::new(args);
    let mut out = io::stdout().lock();
    match command.as_str() {
        "players" => players::bench(&args, &mut out)?,
        "stop" => stop::bench(&args, &mut out)?,
        "http" => http::bench(&args, &mut out)?,
        "pipeline" => pipeline::bench(&args, &mut out)?,
        "pool" => pool::bench(&args, &mut out)?,
        "breakeven" => breakeven::bench(&args, &mut out)?,
        "grep" => grep::bench(&args, &mut out)?,
        "all" => {
            players::bench(&args, &mut out)?;
            stop::bench(&args, &mut out)?;
            http::bench(&args, &mut out)?;
            pipeline::bench(&args, &mut out)?;
            pool::bench(&args, &mut out)?;
            breakeven::bench(&args, &mut out)?;
            grep::bench(&args, &mut out)?;
        }
        "child-grep" => grep::child(&args, &mut out)?,
        "child-players" => players::child(&args, &mut out)?,
        "child-pool" => pool::child(&args, &mut out)?,
        "child-stop" => stop::child(&args, &mut out)?,
        "child-pipeline" => pipeline::child(&args, &mut out)?,
        "child-trickle" => pipeline::trickle(&args, &mut out)?,
        "child-server" => http::server(&args, &mut out)?,
        "child-load" => http::load(&args, &mut out)?,
        "child-idle" => http::idle(&args, &mut out)?,
        _ => {
            io::stderr().write_all(USAGE.as_bytes())?;
            return Ok(ExitCode::from(upbeat::exit_code::USAGE));
        }
    }
    Ok(ExitCode::SUCCESS)
}
