//! The break-even of pipelines: the numbers and costs of items from which a pipeline or rayon is
//! faster than a loop.

use std::{hint::black_box, io::Write, time::Instant};

use anyhow::{Context as _, Result};
use rayon::prelude::*;
use upbeat_work::Pipeline;

use crate::{args::Args, pipeline::wait_for_processors, table::Table};

/// The costs of an item in nanoseconds, and the numbers of items.
const COSTS: [u32; 5] = [10, 100, 1_000, 10_000, 100_000];
const COUNTS: [u32; 6] = [10, 100, 1_000, 10_000, 100_000, 1_000_000];
/// The maximum time of a loop, in nanoseconds.
const LONGEST: u64 = 20_000_000;
/// The approximate minimum time of a measurement, to which the cost of the clock is negligible.
const SHORTEST: u64 = 500_000;

/// Measures all combinations and prints the tables.
pub(crate) fn bench(args: &Args, out: &mut impl Write) -> Result<()> {
    let rounds: usize = args.option("--rounds", 40)?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build()?;
    wait_for_processors();
    let steps = steps_per_microsecond();
    writeln!(
        out,
        "## Break-even\n\nA slice of numbers to a vector of numbers. The fastest of {rounds} rounds each, as a disturbance of so short a run can only prolong it.\n"
    )?;
    let mut rows = Vec::new();
    for cost in COSTS {
        for count in COUNTS {
            let nanos = u64::from(cost) * u64::from(count);
            if nanos <= LONGEST {
                let turns = cost * steps / 1_000;
                rows.push((cost, count, measure(count, turns, SHORTEST.div_ceil(nanos), rounds, &pool)?));
            }
        }
    }
    let names = ["pipeline, 2 workers", "pipeline, 1 worker", "rayon, 2 threads"];
    let least = rows.first().context("something is measured")?;
    for (name, times) in names.iter().zip(&least.2.others) {
        writeln!(out, "- {} items of {} ns, {name}: {:.1} µs", least.1, least.0, fastest(times) * 1e6)?;
    }
    writeln!(out)?;
    for (at, name) in names.into_iter().enumerate() {
        writeln!(out, "### {name}: time to the loop's\n")?;
        let mut table = Table::new(["cost of an item", "10", "100", "1 k", "10 k", "100 k", "1 M items"]);
        for cost in COSTS {
            let cells = COUNTS.map(|count| {
                let found = rows.iter().find(|row| (row.0, row.1) == (cost, count));
                found.map_or_else(String::new, |row| {
                    format!("{:.2}", fastest(&row.2.others[at]) / fastest(&row.2.plain))
                })
            });
            let [few, ten_times, thousand, more, many, most] = cells;
            table.row([format!("{} µs", f64::from(cost) / 1e3), few, ten_times, thousand, more, many, most]);
        }
        table.print(out)?;
    }
    Ok(())
}

fn fastest(times: &[f64]) -> f64 {
    times.iter().copied().fold(f64::INFINITY, f64::min)
}

/// The seconds per run of each round.
#[derive(Default)]
struct Times {
    plain: Vec<f64>,
    others: [Vec<f64>; 3],
}

fn measure(count: u32, turns: u32, repeats: u64, rounds: usize, pool: &rayon::ThreadPool) -> Result<Times> {
    let numbers: Vec<u64> = (0..u64::from(count)).collect();
    let piped = |workers| {
        let items = numbers.iter().copied();
        let run = Pipeline::from_iter(items).map(|number| work(number, turns)).collect().workers(workers).run();
        run.ok().map(|report| report.output)
    };
    let mut found = Times::default();
    for round in 0..=rounds {
        let plain = time(repeats, || Some(numbers.iter().map(|&number| work(number, turns)).collect::<Vec<_>>()));
        let others = [
            time(repeats, || piped(2)),
            time(repeats, || piped(1)),
            time(repeats, || Some(pool.install(|| numbers.par_iter().map(|&number| work(number, turns)).collect()))),
        ];
        // The first round starts threads and allocates memory.
        if round > 0 {
            found.plain.push(plain.context("a loop ends")?);
            for (times, other) in found.others.iter_mut().zip(others) {
                times.push(other.context("it runs to the end")?);
            }
        }
    }
    Ok(found)
}

/// Returns the seconds per run of a number of runs, or `None` if one of them failed.
fn time(repeats: u64, run: impl Fn() -> Option<Vec<u64>>) -> Option<f64> {
    let began = Instant::now();
    for _ in 0..repeats {
        black_box(run()?);
    }
    Some(began.elapsed().as_secs_f64() / repeats as f64)
}

/// Occupies a processor with steps each of which depends on the previous one.
fn work(mut number: u64, turns: u32) -> u64 {
    for _ in 0..turns {
        number = black_box((number ^ (number >> 29)).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    }
    number
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some hundreds")]
fn steps_per_microsecond() -> u32 {
    const TURNS: u32 = 1_000_000;
    let once = |_| {
        let began = Instant::now();
        black_box(work(black_box(1), TURNS));
        began.elapsed().as_secs_f64()
    };
    // The fastest run is the least disturbed.
    let seconds = (0..20).map(once).fold(f64::INFINITY, f64::min);
    (f64::from(TURNS) / seconds / 1e6).round() as u32
}
