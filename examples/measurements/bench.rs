//! Benchmark of the stream: rows per second over HTTP and WebSocket, and of a loop over the query.
//!
//! ```console
//! $ cargo bench -p upbeat-measurements              # SQLite, a million rows
//! $ cargo bench -p upbeat-measurements -- 5000000
//! ```
//!
//! The loop decodes each row and adds up the values. The stream also filters, serializes and sends
//! the rows, and a client in the same process reads its bytes. All are measured in turns, and the
//! medians are compared. If HTTP has less than 0.7 of the rate of the loop, the benchmark fails.

#![expect(clippy::print_stdout, reason = "the output of the program")]

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use futures_util::TryStreamExt as _;
use rustix::time::{ClockId, clock_gettime};
use sqlx::{Connection as _, Row as _, SqliteConnection, sqlite::SqliteConnectOptions};
use upbeat::{Conductor, Part};
use upbeat_http::HttpServer;
use upbeat_measurements::{Store, Web, connect};

const ROUNDS: usize = 7;
const BOUND: f64 = 0.7;
const QUERY: &str = "SELECT time, value FROM measurement WHERE time >= 0 AND time < 253402300799999 ORDER BY time";

/// Adds up all values in a loop, with the same options as the store.
async fn sum_loop(file: &Path) -> anyhow::Result<u64> {
    let options = SqliteConnectOptions::new().filename(file).row_buffer_size(4_096).pragma("cache_size", "-256");
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let mut rows = sqlx::query(QUERY).fetch(&mut connection);
    let (mut count, mut last, mut sum) = (0, 0_i64, 0.0_f64);
    while let Some(row) = rows.try_next().await? {
        last = last.max(row.try_get(0)?);
        sum += row.try_get::<Option<f64>, _>(1)?.unwrap_or_default();
        count += 1;
    }
    std::hint::black_box((last, sum));
    Ok(count)
}

/// Reads a stream and counts its lines.
async fn stream(url: &str) -> anyhow::Result<u64> {
    let pieces = connect::bytes(url).await?.map_err(anyhow::Error::from_boxed);
    // A piece may end within a line.
    let ends = |piece: bytes::Bytes| piece.iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
    let count = |count, piece| std::future::ready(Ok(count + ends(piece)));
    pieces.try_fold(0, count).await
}

/// The measurements of one way to read all rows.
struct Contender {
    name: &'static str,
    /// The rows per second of each round.
    rates: Vec<f64>,
    /// The CPU time per row of all threads of this process, in nanoseconds.
    costs: Vec<f64>,
}

impl Contender {
    fn new(name: &'static str) -> Self {
        Self { name, rates: Vec::new(), costs: Vec::new() }
    }

    async fn round(&mut self, rows: u64, read: impl Future<Output = anyhow::Result<u64>>) -> anyhow::Result<()> {
        let (began, cpu_before) = (Instant::now(), cpu_time());
        let count = read.await?;
        self.rates.push(count as f64 / began.elapsed().as_secs_f64());
        self.costs.push(cpu_time().saturating_sub(cpu_before).as_nanos() as f64 / count as f64);
        ensure!(count == rows, "{} read {count} of {rows} rows", self.name);
        Ok(())
    }
}

/// Returns the CPU time of this process.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

async fn measure(file: &Path, rows: u64, address: &str) -> anyhow::Result<()> {
    let (http, ws) = (format!("http://{address}/measurements"), format!("ws://{address}/measurements/ws"));
    let [mut loop_, mut by_http, mut by_socket] = ["loop", "HTTP", "WebSocket"].map(Contender::new);
    for _ in 0..ROUNDS {
        loop_.round(rows, sum_loop(file)).await?;
        by_http.round(rows, stream(&http)).await?;
        by_socket.round(rows, stream(&ws)).await?;
    }
    for contender in [&loop_, &by_http, &by_socket] {
        let (rate, cost) = (median(&contender.rates), median(&contender.costs));
        println!(
            "{:10}  {rate:>9.0} rows/s  {:.2}  {cost:>5.0} ns CPU/row",
            contender.name,
            rate / median(&loop_.rates)
        );
    }
    let ratio = median(&by_http.rates) / median(&loop_.rates);
    ensure!(ratio >= BOUND, "HTTP has {ratio:.2} of the rate of the loop, less than {BOUND}");
    Ok(())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // Cargo adds the argument `--bench`.
    let rows = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(1_000_000);
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("measurements.db");
    let store = Store::file(&file);
    let began = Instant::now();
    store.fill(rows, |_| {}).await?;
    println!("filled with {rows} rows: {:.0} rows/s", rows as f64 / began.elapsed().as_secs_f64());

    let server = HttpServer::bind("127.0.0.1:0", Web::new(store).router());
    let address = server.address();
    let measuring = tokio::spawn(async move { measure(&file, rows, &address.wait().await.to_string()).await });
    let mut measured = None;
    let done = async { measured = Some(measuring.await) };
    let report = Conductor::new("bench").part(Part::new("web", server)).play_until(done).await;
    measured.with_context(|| report.to_string())??
}
