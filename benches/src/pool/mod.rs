//! The costs of jobs with replies in a pool, compared with tasks and channels.

mod contenders;
mod load;

use std::io::Write;

use anyhow::{Result, ensure};

use self::load::Load;
use crate::{
    args::Args,
    child::Child,
    measure::Probe,
    stats::{median, ratio},
    table::{Table, bound},
};

/// The contenders. Those without a pool come first.
const CONTENDERS: [&str; 5] = ["spawn, a window", "JoinSet", "channels + oneshot", "pool, submit", "pool, submit_all"];
/// The number of contenders without a pool.
const PEERS: usize = 3;
const TICKETS: usize = 3;
const ALL: usize = 4;

/// Runs all contenders and prints the tables.
pub(crate) fn bench(args: &Args, out: &mut impl Write) -> Result<()> {
    let rounds: usize = args.option("--rounds", 9)?;
    let workers: usize = args.option("--workers", 2)?;
    let unit = load::calibrate();
    writeln!(out, "## Pool\n\n{workers} workers, medians of {rounds} rounds.\n")?;

    let cheap = run("cheap", &CONTENDERS, rounds, workers, unit)?;
    table(out, "1 M jobs of 200 ns", &CONTENDERS, &cheap)?;
    for (what, ours) in [("submit", &cheap[TICKETS]), ("submit_all", &cheap[ALL])] {
        bound(
            out,
            &format!("cheap jobs, {what}, time to the best peer's"),
            to_best(ours, &cheap[..PEERS]),
            0.555,
            " ×",
        )?;
    }
    writeln!(out)?;

    let skewed = run("skewed", &CONTENDERS, rounds, workers, unit)?;
    table(out, "100,000 jobs of 10 µs, 1 in 64 is 32 × longer", &CONTENDERS, &skewed)?;
    for (what, ours) in [("submit", &skewed[TICKETS]), ("submit_all", &skewed[ALL])] {
        bound(
            out,
            &format!("skewed jobs, {what}, time to the best peer's"),
            to_best(ours, &skewed[..PEERS]),
            1.1,
            " ×",
        )?;
    }
    writeln!(out)?;

    let pair = [CONTENDERS[0], CONTENDERS[TICKETS]];
    let single = run("single", &pair, rounds, workers, unit)?;
    table(out, "200,000 round trips, one after the other", &pair, &single)?;
    bound(out, "round trip, submit, time to spawn's", to_best(&single[1], &single[..1]), 1.0, " ×")?;
    writeln!(out)?;
    Ok(())
}

fn table(out: &mut impl Write, what: &str, names: &[&str], samples: &[Samples]) -> Result<()> {
    let mut table = Table::new([what, "ns a job", "ratio to the best peer", "CPU, ns a job", "ratio"]);
    let peers = &samples[..PEERS.min(samples.len() - 1)];
    for (name, sample) in names.iter().zip(samples) {
        table.row([
            (*name).to_owned(),
            format!("{:.0}", median(sample.nanos.iter().copied())),
            format!("{:.2}", to_best(sample, peers)),
            format!("{:.0}", median(sample.cpu.iter().copied())),
            format!("{:.2}", median_ratio(&sample.cpu, peers.iter().map(|peer| &*peer.cpu))),
        ]);
    }
    table.print(out)?;
    Ok(())
}

/// Returns the time of a contender, relative to that of the best peer.
fn to_best(sample: &Samples, peers: &[Samples]) -> f64 {
    median_ratio(&sample.nanos, peers.iter().map(|peer| &*peer.nanos))
}

fn median_ratio<'a>(sample: &[f64], peers: impl Iterator<Item = &'a [f64]>) -> f64 {
    let least = |a: &&[f64], b: &&[f64]| median(a.iter().copied()).total_cmp(&median(b.iter().copied()));
    peers.min_by(least).map_or(f64::NAN, |best| ratio(sample, best))
}

/// The measurements per job of a contender, round by round.
#[derive(Clone, Default)]
struct Samples {
    nanos: Vec<f64>,
    cpu: Vec<f64>,
}

fn run(load: &str, names: &[&str], rounds: usize, workers: usize, unit: f64) -> Result<Vec<Samples>> {
    let mut samples = vec![Samples::default(); names.len()];
    for round in 0..=rounds {
        for (name, sample) in names.iter().zip(&mut samples) {
            let mut child = Child::spawn(&["child-pool", name, load, &workers.to_string(), &unit.to_string()])?;
            let [nanos, cpu] = child.numbers::<f64, 2>()?;
            child.finish()?;
            // The first round loads the program into the page cache.
            if round > 0 {
                sample.nanos.push(nanos);
                sample.cpu.push(cpu);
            }
        }
    }
    Ok(samples)
}

/// Runs one contender once.
pub(crate) fn child(args: &Args, out: &mut impl Write) -> Result<()> {
    let (name, load): (String, String) = (args.word(0)?, args.word(1)?);
    let (workers, unit): (usize, f64) = (args.word(2)?, args.word(3)?);
    let load = Load::named(&load, unit)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build()?;
    // The contender runs on a worker. The thread of `block_on` would have to pass each task to one.
    let run = |load: Load| {
        let probe = Probe::start()?;
        let replies = runtime.block_on(runtime.spawn(contenders::run(name.clone(), load, workers)))??;
        ensure!(replies == load.expected(), "{name} lost or repeated a reply");
        Ok(probe.done())
    };
    run(load.part(20))?;
    let took = run(load)?;
    let each = 1e9 / load.jobs() as f64;
    writeln!(out, "{} {}", took.time.as_secs_f64() * each, took.cpu.as_secs_f64() * each)?;
    Ok(())
}
