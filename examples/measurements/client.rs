//! A client that reads, filters and prints a stream of measurements, over HTTP or WebSocket.
//!
//! ```console
//! $ cargo run --example measurements-client -- http://127.0.0.1:8080/measurements --min 15 --window 60 --above 27.5
//! $ cargo run --example measurements-client -- 'ws://127.0.0.1:8080/measurements/ws?min=15&window=60&above=27.5'
//! ```
//!
//! Both print the same, because server and client filter with the same code. An error in the stream
//! is printed to standard error. The client continues, and its exit code is 1.

use std::{
    error::Error as _,
    io::{self, ErrorKind, Write as _},
    pin::pin,
    sync::Arc,
};

use clap::Parser;
use futures_util::{Stream, StreamExt as _};
use upbeat::{Conductor, Context, Part, Report};
use upbeat_http::EntryError;
use upbeat_measurements::{Averaged, Fault, Measurement, connect, series};

/// The maximum number of lines in one write.
const BATCH: usize = 1_024;

/// Reads, filters and prints a stream of measurements, over HTTP or WebSocket.
///
/// The server applies the parameters of the URL: from, to, min, window, above. This program applies
/// the options.
#[derive(Parser)]
struct Args {
    #[arg(help = "http://127.0.0.1:8080/measurements or ws://127.0.0.1:8080/measurements/ws")]
    url: String,
    /// Skip values below this
    #[arg(long, value_name = "CELSIUS", allow_negative_numbers = true)]
    min: Option<f64>,
    /// Number of values of the moving average; by default the average of the server
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    window: Option<u32>,
    /// Skip rows whose average is not above this
    #[arg(long, value_name = "CELSIUS", allow_negative_numbers = true)]
    above: Option<f64>,
    /// Print JSON lines
    #[arg(long)]
    json: bool,
}

/// The error of an incomplete stream.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error(transparent)]
    Connect(#[from] connect::ConnectError),
    #[error("failed to write")]
    Write(#[from] io::Error),
    #[error("{0} entries are errors")]
    Entries(u64),
}

type Entry = Result<Averaged, EntryError<Fault>>;

/// Applies the filters of the options.
fn filtered(args: &Args, entries: impl Stream<Item = Entry> + Send + 'static) -> impl Stream<Item = Entry> + Send {
    let min = args.min.unwrap_or(f64::NEG_INFINITY);
    let entries = entries.filter(move |entry| std::future::ready(entry.as_ref().map_or(true, |row| row.value >= min)));
    let entries = match args.window {
        None => entries.boxed(),
        Some(window) => {
            let rows = entries.map(|entry| entry.map(|Averaged { time, value, .. }| Measurement { time, value }));
            series::averaged(rows, window as usize).boxed()
        }
    };
    series::above(entries, args.above.unwrap_or(f64::NEG_INFINITY))
}

/// Prints the stream until its end, a closed output, or a stop, and counts the errors.
async fn read(args: Arc<Args>, cx: Context) -> Result<(), ReadError> {
    let Some(entries) = cx.unless_stopping(connect::entries(&args.url)).await else { return Ok(()) };
    let mut errors = 0;
    let print_error = |error: EntryError<Fault>| {
        errors += 1;
        match error.source() {
            Some(source) => upbeat_examples::print_error(format_args!("error: {error}: {source}")),
            None => upbeat_examples::print_error(format_args!("error: {error}")),
        }
    };
    let printed = print(series::split(filtered(&args, entries?), print_error), args.json, &cx).await?;
    cx.note(format_args!("printed {printed} measurements"));
    if errors > 0 { Err(ReadError::Entries(errors)) } else { Ok(()) }
}

/// Prints the rows and returns their number. Rows are printed as soon as they arrive.
async fn print(rows: impl Stream<Item = Averaged>, json: bool, cx: &Context) -> io::Result<u64> {
    let mut rows = pin!(rows.ready_chunks(BATCH));
    let (mut lines, mut printed) = (Vec::new(), 0);
    while let Some(Some(rows)) = cx.unless_stopping(rows.next()).await {
        lines.clear();
        for row in &rows {
            if json {
                serde_json::to_writer(&mut lines, row)?;
                writeln!(lines)?;
            } else {
                writeln!(lines, "{}  {:>7.2}  {:>7.2}", row.time, row.value, row.average)?;
            }
        }
        match io::stdout().lock().write_all(&lines) {
            // A closed pipe is no error: a reader such as `head` needs no more.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => break,
            written => written?,
        }
        printed += rows.len() as u64;
    }
    Ok(printed)
}

#[tokio::main]
async fn main() -> Report {
    let args = Arc::new(Args::parse());
    Conductor::new("client").part(Part::new("reader", upbeat::with(args, read)).job()).play_until_signal().await
}
