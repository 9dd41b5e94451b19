//! HTTP servers: their throughput, and the cost of a request and of an idle connection.

mod clients;
mod servers;

use std::{io::Write, time::Duration};

use anyhow::{Context, Result, bail};

pub(crate) use self::clients::{idle, load};
use crate::{
    args::Args,
    child::Child,
    measure::{cpu, resident},
    stats::{median, ratio},
    table::{Table, grouped},
};

/// The baseline comes first.
const CONTENDERS: [&str; 4] = ["axum::serve", "hyper, service_fn", "hyper, axum router", "upbeat"];
const UPBEAT: usize = 3;
const CONNECTIONS: usize = 64;
const IDLE: usize = 5_000;

/// The measurements of a contender, round by round.
#[derive(Default)]
struct Samples {
    rate: Vec<f64>,
    micros: Vec<f64>,
    bytes: Vec<f64>,
}

/// Runs all contenders and prints the table.
pub(crate) fn bench(args: &Args, out: &mut impl Write) -> Result<()> {
    let rounds: usize = args.option("--rounds", 7)?;
    let seconds: f64 = args.option("--seconds", 2.0)?;
    let workers: usize = args.option("--workers", 1)?;
    let plural = if workers == 1 { "" } else { "s" };
    writeln!(
        out,
        "## HTTP\n\n`GET /` over {CONNECTIONS} keep-alive connections; servers on {workers} worker{plural}; medians of {rounds} \
         rounds of {seconds} s; {} idle connections.\n",
        grouped(IDLE as f64)
    )?;
    let mut samples: [Samples; CONTENDERS.len()] = Default::default();
    for round in 0..=rounds {
        for (name, sample) in CONTENDERS.iter().zip(&mut samples) {
            // The first round loads the program into the page cache. A short one suffices.
            let seconds = if round == 0 { seconds.min(0.2) } else { seconds };
            let (rate, micros) = under_load(name, workers, seconds)?;
            let bytes = at_rest(name, workers)?;
            if round > 0 {
                sample.rate.push(rate);
                sample.micros.push(micros);
                sample.bytes.push(bytes);
            }
        }
    }
    let heads = ["contender", "requests/s", "ratio", "CPU per request, µs", "ratio", "bytes per idle connection"];
    let mut table = Table::new(heads);
    let baseline = &samples[0];
    for (name, sample) in CONTENDERS.iter().zip(&samples) {
        table.row([
            (*name).to_owned(),
            grouped(median(sample.rate.iter().copied())),
            format!("{:.2}", ratio(&sample.rate, &baseline.rate)),
            format!("{:.2}", median(sample.micros.iter().copied())),
            format!("{:.2}", ratio(&sample.micros, &baseline.micros)),
            grouped(median(sample.bytes.iter().copied())),
        ]);
    }
    table.print(out)?;
    let rate = ratio(&samples[UPBEAT].rate, &baseline.rate);
    let verdict = if rate >= 1.0 { "not slower" } else { "**slower**" };
    writeln!(out, "- upbeat's requests/s to axum::serve's: {rate:.2} ×: {verdict}\n")?;
    Ok(())
}

/// Returns the requests per second, and the CPU time of the server per request in microseconds.
fn under_load(name: &str, workers: usize, seconds: f64) -> Result<(f64, f64)> {
    let (server, port) = serve(name, workers)?;
    let id = server.id().to_string();
    let before = cpu(&id)?;
    let mut load = Child::spawn(&["child-load", &port, &CONNECTIONS.to_string(), &seconds.to_string()])?;
    let [requests, took] = load.numbers::<f64, 2>()?;
    let spent = cpu(&id)?.saturating_sub(before);
    load.finish()?;
    server.finish()?;
    Ok((requests / took, spent.as_secs_f64() * 1e6 / requests))
}

/// Returns the resident bytes of the server per idle connection.
fn at_rest(name: &str, workers: usize) -> Result<f64> {
    let (server, port) = serve(name, workers)?;
    let id = server.id().to_string();
    let before = resident(&id)?;
    let mut clients = Child::spawn(&["child-idle", &port, &IDLE.to_string()])?;
    let [_] = clients.numbers::<usize, 1>()?;
    let grown = resident(&id)?.saturating_sub(before);
    clients.finish()?;
    server.finish()?;
    Ok(grown as f64 / IDLE as f64)
}

fn serve(name: &str, workers: usize) -> Result<(Child, String)> {
    let mut server = Child::spawn(&["child-server", name, &workers.to_string()])?;
    let [port] = server.numbers::<u16, 1>()?;
    Ok((server, port.to_string()))
}

/// Runs one server until the end of standard input.
pub(crate) fn server(args: &Args, out: &mut impl Write) -> Result<()> {
    let (name, workers) = (args.word::<String>(0)?, args.word(1)?);
    let (end, ended) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        // A failed read ends the server, too.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _ = end.send(());
    });
    let (sender, receiver) = std::sync::mpsc::channel();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build()?;
    let serving = runtime.spawn(servers::run(name, sender, async {
        let _ = ended.await;
    }));
    match receiver.recv_timeout(Duration::from_secs(10)) {
        Ok(port) => writeln!(out, "{port}")?,
        Err(_) => bail!("the server did not start"),
    }
    runtime.block_on(serving)?.context("while serving")
}
