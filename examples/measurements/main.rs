//! A server of measurements from a database, as a stream of JSON lines.
//!
//! ```console
//! $ cargo run --release --example measurements
//! $ curl 'http://127.0.0.1:8080/measurements?min=15&window=60&above=27.5'
//! $ cargo run --release --example measurements-client -- 'ws://127.0.0.1:8080/measurements/ws?window=60' --above 27.5
//! $ curl http://127.0.0.1:8080/stats
//! ```
//!
//! The first run fills an `SQLite` file with rows. Press Ctrl-C while a client reads: its last line
//! has the time from which to resume.

use std::{env, time::Duration};

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use upbeat::{Conductor, Context, Part, Report, score::Condition};
use upbeat_http::{Diagnostics, HttpServer};
use upbeat_measurements::{Filled, Store, StoreError, Web};

const DATABASE: &str = "Database: sqlite:FILE or postgres://USER@HOST/NAME; by default a file in the temporary folder";

/// Serves measurements from a database as a stream of JSON lines, over HTTP and WebSocket
#[derive(Parser)]
struct Args {
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL", value_parser = Store::open, help = DATABASE)]
    database: Option<Store>,
    /// Number of rows to fill an empty database with; 0 leaves it unchanged
    #[arg(long, default_value_t = 1_000_000, value_name = "N")]
    rows: u64,
    /// Address to listen at
    #[arg(long, env = "ADDRESS", default_value = "127.0.0.1:8080", value_name = "HOST:PORT")]
    address: String,
    /// Address of the diagnostics: /readyz, /players, /dump
    #[arg(long, env = "DIAGNOSTICS", default_value = "127.0.0.1:8081", value_name = "HOST:PORT")]
    diagnostics: String,
    /// Seconds for open streams to end during a stop
    #[arg(long, default_value_t = 10, value_name = "SECONDS")]
    drain: u64,
}

/// Fills an empty store before the server starts. A stop rolls it back.
async fn fill((store, rows): (Store, u64), cx: Context) -> Result<(), StoreError> {
    if rows == 0 {
        return Ok(());
    }
    cx.set_status("filling the database");
    // The bar is shown only on a terminal.
    let bar = ProgressBar::new(rows);
    let style =
        ProgressStyle::with_template("filling the database {wide_bar} {human_pos} of {human_len} rows, {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let filled = cx.unless_stopping(store.fill(rows, |done| bar.set_position(done))).await.transpose();
    bar.finish_and_clear();
    match filled? {
        Some(Filled::With(rows)) => cx.note(format_args!("database filled with {rows} rows")),
        Some(Filled::Before) => tracing::info!("database unchanged, as it has rows already"),
        None => cx.note("database unchanged, as the stop came first"),
    }
    Ok(())
}

fn conduct(args: Args) -> Conductor {
    let store = args.database.unwrap_or_else(|| Store::file(env::temp_dir().join("upbeat-measurements.db")));
    let drain = Duration::from_secs(args.drain);
    let web = HttpServer::bind(args.address, Web::new(store.clone()).router()).drain_timeout(drain);
    Conductor::new("measurements")
        .part(
            Part::new("diagnostics", Diagnostics::bind(args.diagnostics).version(env!("CARGO_PKG_VERSION")))
                .first_and_last(),
        )
        .part(Part::new("fill", upbeat::with((store, args.rows), fill)).job())
        .part(Part::new("web", web).after_when("fill", Condition::Finished))
        .stop_timeout(drain + Duration::from_secs(2))
}

#[tokio::main]
async fn main() -> Report {
    let args = Args::parse();
    let _log = upbeat_examples::log();
    conduct(args).play_until_signal().await
}
