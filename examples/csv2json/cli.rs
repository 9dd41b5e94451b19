//! The command line.

use std::{num::NonZero, path::PathBuf, thread};

use clap::{Parser, ValueEnum};
use upbeat_csv2json::Mode;

/// Converts CSV rows with the columns row, height and weight in inches and pounds to JSON lines in
/// metric units
#[derive(Debug, Parser)]
#[command(name = "csv2json", after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// CSV file; by default, or if it is -, standard input
    pub(crate) input: Option<PathBuf>,

    /// JSON file, which appears once it is complete; by default, or if it is -, standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// File for malformed rows, one JSON object each; by default standard error
    #[arg(short, long, value_name = "FILE")]
    pub(crate) errors: Option<PathBuf>,

    /// Way to convert the rows
    #[arg(short, long, value_enum, default_value_t = How::Ordered)]
    pub(crate) mode: How,
    /// Number of threads of a pipeline; by default the number of processors
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    workers: Option<u16>,

    /// Generate a CSV sample with this number of rows instead
    #[arg(long, value_name = "ROWS", conflicts_with_all = ["input", "errors", "mode", "workers"])]
    pub(crate) generate: Option<u64>,
}

/// A way to convert rows.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum How {
    /// A loop on one thread
    Sync,
    /// A pipeline in a tokio task; the same bytes
    Async,
    /// A pipeline on threads; the same bytes
    Ordered,
    /// A pipeline on threads; rows in the order of their completion
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
The first line names the columns, in any order; others are ignored. An input without this header is
refused.

A malformed row is recorded with its line, its column and the failed stage. The other rows are
converted, in the same order.

Examples:
  csv2json --generate 1000000 -o rows.csv        Generate a sample
  csv2json rows.csv -o rows.json                 Convert it
  csv2json < rows.csv 2> errors.jsonl | head     Use pipes
  csv2json rows.csv -o rows.json -e errors.jsonl -m unordered -w 4

Exit codes:
  0    all rows were converted
  1    some rows are malformed; the others were converted
  2    invalid usage, no header, or a file could not be read or written; the output file is
       unchanged
  130  stopped by Ctrl-C, 143 by SIGTERM; the output file is unchanged";
