//! Reads a stream of measurements, by HTTP or WebSocket, filters it, and prints what is left.
//!
//! ```console
//! $ cargo run --example measurements-client -- http://127.0.0.1:8080/measurements --min 15 --window 60 --above 27.5
//! $ cargo run --example measurements-client -- 'ws://127.0.0.1:8080/measurements/ws?min=15&window=60&above=27.5'
//! ```
//!
//! Both print the same: the filters of the server and of the client are the same code. An error in the stream is told on the standard error in its
//! turn, and the rest is read all the same; then the exit code is 1.

#![expect(clippy::print_stderr, reason = "a program talks to whoever runs it")]

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

/// How many lines are written at once, if they are there.
const AT_ONCE: usize = 1_024;

/// Reads a stream of measurements, by HTTP or WebSocket, filters it, and prints what is left.
///
/// What is behind the question mark of the URL is filtered by the server (from, to, min, window, above), the options by this program, so that less or
/// more goes over the network.
#[derive(Parser)]
struct Args {
    #[arg(help = "http://127.0.0.1:8080/measurements or ws://127.0.0.1:8080/measurements/ws")]
    url: String,
    /// Leave out values below this
    #[arg(long, value_name = "CELSIUS", allow_negative_numbers = true)]
    min: Option<f64>,
    /// How many values an average is made of; as the server sends it if not given
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    window: Option<u32>,
    /// Only where the average is above this
    #[arg(long, value_name = "CELSIUS", allow_negative_numbers = true)]
    above: Option<f64>,
    /// Print JSON lines
    #[arg(long)]
    json: bool,
}

/// Why the answer is not what was asked for.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error(transparent)]
    Connect(#[from] connect::ConnectError),
    #[error("cannot write")]
    Write(#[from] io::Error),
    #[error("{0} of the entries were errors")]
    Entries(u64),
}

type Entry = Result<Averaged, EntryError<Fault>>;

/// What is left of these entries.
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

/// Reads until the end, the reader's or the stop's, and counts the errors.
async fn read(args: Arc<Args>, cx: Context) -> Result<(), ReadError> {
    let Some(entries) = cx.unless_stopping(connect::entries(&args.url)).await else { return Ok(()) };
    let mut errors = 0;
    let told = |error: EntryError<Fault>| {
        errors += 1;
        match error.source() {
            Some(why) => eprintln!("error: {error}: {why}"),
            None => eprintln!("error: {error}"),
        }
    };
    let printed = print(series::split(filtered(&args, entries?), told), args.json, &cx).await?;
    cx.note(format_args!("printed {printed} measurements"));
    if errors > 0 { Err(ReadError::Entries(errors)) } else { Ok(()) }
}

/// Prints what there is, and says how much that was. Nothing is held back while more is waited for.
async fn print(rows: impl Stream<Item = Averaged>, json: bool, cx: &Context) -> io::Result<u64> {
    let mut rows = pin!(rows.ready_chunks(AT_ONCE));
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
            // Whoever read this, such as `head`, has enough.
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
