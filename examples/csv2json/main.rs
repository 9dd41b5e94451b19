//! A converter of heights and weights, from CSV in inches and pounds to JSON lines in metric units.
//!
//! ```console
//! $ cargo run --release --example csv2json -- --generate 1000000 -o rows.csv
//! $ cargo run --release --example csv2json -- rows.csv -o rows.json
//! ```

mod cli;
mod output;

use std::{
    fs::File,
    io::{self, Read, Write},
    path::Path,
    process::ExitCode,
    sync::{Arc, OnceLock},
    time::Instant,
};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Parser as _;
use indicatif::{ProgressBar, ProgressStyle};
use upbeat::Context;
use upbeat_csv2json::{ConvertError, Job, Record, write_sample};
use upbeat_examples::{job, with_causes};

use crate::{
    cli::Arguments,
    output::{Output, is_same},
};

const OK: u8 = 0;
const MALFORMED: u8 = 1;
const TROUBLE: u8 = 2;

fn main() -> ExitCode {
    let code = run(&Arguments::parse()).unwrap_or_else(|error| {
        if is_broken_pipe(&error) {
            // A closed pipe is no error: a reader such as `head` needs no more.
            return OK;
        }
        print_error(format_args!("csv2json: {}", with_causes(&*error)));
        TROUBLE
    });
    ExitCode::from(code)
}

fn run(arguments: &Arguments) -> Result<u8> {
    let output = Output::open(arguments.output.as_deref())?;
    match arguments.generate {
        Some(rows) => {
            write_sample(rows, io::BufWriter::new(output.writer()?))?;
            output.keep()?;
            Ok(OK)
        }
        None => convert(arguments, output),
    }
}

fn convert(arguments: &Arguments, output: Output) -> Result<u8> {
    let input = arguments.input.as_deref().filter(|path| path.as_os_str() != "-");
    check_distinct(arguments, input)?;
    let (input, bar) = open(input, output.is_a_terminal())?;
    let unrecorded = Arc::new(OnceLock::new());
    let job = Job {
        input,
        output: output.writer()?,
        malformed: recorder(arguments.errors.as_deref(), bar.clone(), unrecorded.clone())?,
        mode: arguments.mode.into(),
        workers: arguments.workers(),
    };
    let began = Instant::now();
    let played = job::play("csv2json", async move |cx: Context| job.run(&cx).await.map(|(counts, _)| counts))?;
    bar.finish_and_clear();
    if let Some(code) = played.interrupted() {
        return Ok(code);
    }
    let counts = played.answer.with_context(|| played.report.to_string())??;
    output.keep()?;
    print_error(format_args!(
        "csv2json: {} rows converted, {} malformed, in {:.3} s",
        counts.converted,
        counts.malformed,
        began.elapsed().as_secs_f64()
    ));
    if let (Some(error), Some(path)) = (unrecorded.get(), &arguments.errors) {
        bail!("failed to write {}: {error}", path.display());
    }
    Ok(if counts.malformed == 0 { OK } else { MALFORMED })
}

/// Checks that no output file is the input, and that both output files differ.
fn check_distinct(arguments: &Arguments, input: Option<&Path>) -> Result<()> {
    let input = input.unwrap_or(Path::new("/dev/stdin"));
    for path in [&arguments.output, &arguments.errors].into_iter().flatten() {
        ensure!(!is_same(input, path), "{} is the input: choose another file", path.display());
    }
    if let (Some(output), Some(errors)) = (&arguments.output, &arguments.errors) {
        let same = output == errors || is_same(output, errors);
        ensure!(!same, "{} is the file of both rows and errors: choose another file for one", output.display());
    }
    Ok(())
}

/// Opens the input with a progress bar, which is hidden if the rows are printed to the terminal.
fn open(path: Option<&Path>, prints_rows: bool) -> Result<(Box<dyn Read + Send>, ProgressBar)> {
    let Some(path) = path else { return Ok((Box::new(io::stdin()), ProgressBar::hidden())) };
    let file = File::open(path).with_context(|| path.display().to_string())?;
    let about = file.metadata().with_context(|| path.display().to_string())?;
    ensure!(!about.is_dir(), "{} is a folder: choose a file", path.display());
    if prints_rows || !about.is_file() {
        return Ok((Box::new(file), ProgressBar::hidden()));
    }
    let style = ProgressStyle::with_template("{wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left")?;
    // The bar hides itself if standard error is no terminal.
    let bar = ProgressBar::new(about.len()).with_style(style);
    Ok((Box::new(bar.wrap_read(file)), bar))
}

/// Returns a function that writes malformed rows, one JSON object each. The first failure to write
/// one to a file is kept in `failure`.
fn recorder(
    path: Option<&Path>,
    bar: ProgressBar,
    failure: Arc<OnceLock<io::Error>>,
) -> Result<impl FnMut(Record) + Send + 'static> {
    let is_file = path.is_some();
    let mut to: Box<dyn Write + Send> = match path {
        Some(path) => Box::new(File::create(path).with_context(|| path.display().to_string())?),
        None => Box::new(io::stderr()),
    };
    Ok(move |record: Record| {
        // A record consists of text and numbers, which JSON can represent.
        let Ok(mut line) = serde_json::to_vec(&record) else { return };
        line.push(b'\n');
        bar.suspend(|| {
            // Standard error has no other output to report its failure to.
            if let Err(error) = to.write_all(&line)
                && is_file
            {
                let _ = failure.set(error);
            }
        });
    })
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let written = match error.downcast_ref() {
        Some(ConvertError::Write(error)) => error.downcast_ref::<io::Error>(),
        _ => error.downcast_ref(),
    };
    written.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Prints a line to standard error. A failure to write has no other output to go to.
fn print_error(text: std::fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{text}");
}
