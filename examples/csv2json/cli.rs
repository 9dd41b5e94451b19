//! The command line.

use std::{num::NonZero, path::PathBuf, thread};

use clap::{Parser, ValueEnum};
use upbeat_csv2json::Mode;

/// Converts CSV rows `row,height,weight` in inches and pounds to JSON lines in centimetres and kilograms
#[derive(Debug, Parser)]
#[command(name = "csv2json", after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The CSV file, with a header; the standard input if not given, or -
    pub(crate) input: Option<PathBuf>,

    /// Where the JSON goes; the standard output if not given. A file appears there when all of it is written, and not before
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Where malformed rows are recorded, a JSON object each; the standard error if not given
    #[arg(short, long, value_name = "FILE")]
    pub(crate) errors: Option<PathBuf>,

    /// How the rows are converted
    #[arg(short, long, value_enum, default_value_t = How::Ordered)]
    pub(crate) mode: How,
    /// How many threads convert; as many as there are processors if not given
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    workers: Option<u16>,

    /// Write CSV of so many rows instead, to try this with
    #[arg(long, value_name = "ROWS", conflicts_with_all = ["input", "errors", "mode", "workers"])]
    pub(crate) generate: Option<u64>,
}

/// How rows are converted.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum How {
    /// A plain loop, on one thread
    Sync,
    /// A pipeline inside tokio; the same bytes
    Async,
    /// A pipeline on threads; the same bytes
    Ordered,
    /// A pipeline on threads, rows as they are finished
    Unordered,
}

impl From<How> for Mode {
    fn from(how: How) -> Self {
        match how {
            How::Sync => Self::Sync,
            How::Async => Self::Async,
            How::Ordered => Self::Ordered,
            How::Unordered => Self::Unordered,
        }
    }
}

impl Arguments {
    pub(crate) fn workers(&self) -> usize {
        self.workers.map_or_else(|| thread::available_parallelism().map_or(1, NonZero::get), usize::from)
    }
}

const AFTER_HELP: &str = "\
A malformed row is recorded with its line, its column and the stage that found it. It neither stops nor reorders the others.

Examples:
  csv2json --generate 1000000 -o rows.csv        Rows to try it with
  csv2json rows.csv -o rows.json                 All of them
  csv2json < rows.csv 2> errors.jsonl | head     From and to a pipe
  csv2json rows.csv -o rows.json -e wrong.jsonl -m unordered -w 4

Exit codes:
  0    all rows were converted
  1    some rows were malformed; the others were converted
  2    the command line is wrong, or a file could not be read or written; then the output is as it was before
  130  stopped by Ctrl-C, 143 by SIGTERM; then it is, too";
