//! The costs of starting, keeping and stopping idle players.

mod contenders;

use std::io::Write;

use anyhow::Result;

use crate::{
    args::Args,
    child::Child,
    stats::{median, ratio},
    table::{Table, bound, grouped},
};

/// The baseline comes first.
const CONTENDERS: [&str; 4] = ["JoinSet", "upbeat", "tokio-graceful-shutdown", "task-supervisor"];
const UPBEAT: usize = 1;
const FIRST: usize = 10;
/// The number of players that warm up all workers.
const TURNS: usize = 20;
const SIZES: [usize; 3] = [1_000, 10_000, 100_000];

/// The measurements of a contender, round by round.
#[derive(Default)]
struct Samples {
    millis: Vec<f64>,
    cpu: Vec<f64>,
    bytes: Vec<f64>,
}

/// Runs all contenders and prints the table.
pub(crate) fn bench(args: &Args, out: &mut impl Write) -> Result<()> {
    let rounds: usize = args.option("--rounds", 15)?;
    writeln!(out, "## Idle players\n\nMedians of {rounds} rounds.\n")?;
    let heads = ["players", "contender", "time, ms", "ratio to JoinSet", "CPU, ms", "ratio", "bytes per player"];
    let mut table = Table::new(heads);
    let mut ratios = Vec::new();
    let mut bytes = Vec::new();
    let mut times = Vec::new();
    for size in SIZES {
        let samples = run(size, rounds)?;
        for (name, sample) in CONTENDERS.iter().zip(&samples) {
            table.row([
                grouped(size as f64),
                (*name).to_owned(),
                format!("{:.2}", median(sample.millis.iter().copied())),
                format!("{:.2}", ratio(&sample.millis, &samples[0].millis)),
                format!("{:.2}", median(sample.cpu.iter().copied())),
                format!("{:.2}", ratio(&sample.cpu, &samples[0].cpu)),
                grouped(median(sample.bytes.iter().copied())),
            ]);
        }
        ratios.push(ratio(&samples[UPBEAT].millis, &samples[0].millis));
        bytes.push(median(samples[UPBEAT].bytes.iter().copied()));
        times.push(median(samples[UPBEAT].millis.iter().copied()));
    }
    table.print(out)?;
    for (size, ratio) in SIZES.iter().zip(&ratios) {
        bound(out, &format!("{} players, time to JoinSet's", grouped(*size as f64)), *ratio, 1.5, " ×")?;
    }
    for (size, bytes) in SIZES.iter().zip(&bytes) {
        bound(out, &format!("{} players, memory of each", grouped(*size as f64)), *bytes, 1024.0, " B")?;
    }
    // Ten times the players may take a little more than ten times as long, because they exceed the
    // caches.
    for at in 1..SIZES.len() {
        let (from, to) = (grouped(SIZES[at - 1] as f64), grouped(SIZES[at] as f64));
        bound(out, &format!("linear: from {from} to {to} players, time"), times[at] / times[at - 1], 15.0, " ×")?;
    }
    writeln!(out)?;
    Ok(())
}

fn run(size: usize, rounds: usize) -> Result<[Samples; CONTENDERS.len()]> {
    let mut samples: [Samples; CONTENDERS.len()] = Default::default();
    for round in 0..=rounds {
        for (name, sample) in CONTENDERS.iter().zip(&mut samples) {
            let mut child = Child::spawn(&["child-players", name, &size.to_string()])?;
            let [millis, cpu, bytes] = child.numbers::<f64, 3>()?;
            child.finish()?;
            // The first round loads the program into the page cache.
            if round > 0 {
                sample.millis.push(millis);
                sample.cpu.push(cpu);
                sample.bytes.push(bytes / size as f64);
            }
        }
    }
    Ok(samples)
}

/// Runs one contender once.
pub(crate) fn child(args: &Args, out: &mut impl Write) -> Result<()> {
    let (name, size) = (args.word::<String>(0)?, args.word(1)?);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // The contender runs on a worker. The thread of `block_on` would have to pass each task to one.
    let run = |size| runtime.block_on(runtime.spawn(contenders::run(name.clone(), size)));
    // A few players run first, so that one-time costs such as the pages of the program and the
    // heaps of the workers are not attributed to players.
    for _ in 0..TURNS {
        run(FIRST)??;
    }
    let spent = run(size)??;
    writeln!(out, "{} {} {}", spent.time.as_secs_f64() * 1e3, spent.cpu.as_secs_f64() * 1e3, spent.bytes)?;
    Ok(())
}
