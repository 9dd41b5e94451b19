//! Pipelines compared with loops, rayon and channels, for the same ordered work.

mod average;
mod csv;
mod growth;
mod rows;
mod trickle;

use std::{
    fs,
    io::Write,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use crate::{
    args::Args,
    child::Child,
    measure::own_cpu,
    stats::{median, ratio},
    table::{Table, at_least, bound, grouped},
};

const ROWS: [&str; 7] = ["loop", "upbeat-1", "upbeat-2", "upbeat-owned-2", "rayon", "rayon-blocks", "mpsc"];
const BLOCKS: [&str; 4] = ["tuned-loop", "tuned-upbeat-1", "tuned-upbeat-2", "tuned-rayon-blocks"];
const TRICKLES: [&str; 3] = ["loop", "upbeat-1", "upbeat-2"];
/// The number of trickled items, which take a second.
const TRICKLED: u64 = 5_000;
const SAMPLES: [&str; 4] = ["loop", "upbeat-1", "upbeat-2", "mpsc"];
/// The number of rows with which the outputs of all contenders are compared.
const CHECKED: u64 = 20_000;
/// The maximum time to wait for two free processors, and the time of each check.
const PATIENCE: Duration = Duration::from_secs(4);
const PROBED: Duration = Duration::from_millis(15);

/// Runs all contenders and prints the tables.
pub(crate) fn bench(args: &Args, out: &mut impl Write) -> Result<()> {
    let rounds: usize = args.option("--rounds", 9)?;
    let rows: u64 = args.option("--rows", 2_000_000)?;
    let samples: u64 = args.option("--samples", 5_000_000)?;
    writeln!(
        out,
        "## Pipelines\n\nMedians of {rounds} rounds. Each ratio is to the time of the loop in the same round.\n"
    )?;

    writeln!(out, "### CSV → JSON, ordered, {rows} rows\n")?;
    let csv = run("csv", &ROWS, rows, rounds)?;
    table(out, &ROWS, &csv, rows)?;
    let [plain, one, two, owned, rayon, _, mpsc] = &csv;
    at_least(out, "2 workers, the plain loop's time", faster(plain, two), 1.5, " ×")?;
    at_least(out, "1 worker, the plain loop's time", faster(plain, one), 0.9, " ×")?;
    at_least(out, "2 workers, the time of rayon's chunks of rows", faster(rayon, two), 2.3, " ×")?;
    at_least(out, "2 workers and owned lines, the time of rayon's chunks of rows", faster(rayon, owned), 2.3, " ×")?;
    at_least(out, "2 workers, the time of channels between stages", faster(mpsc, two), 5.0, " ×")?;
    bound(out, "2 workers, peak memory beside the input", median(two.mib.iter().copied()), 16.0, " MiB")?;

    writeln!(out, "\n### The same by blocks, tuned, {rows} rows\n")?;
    let blocks = run("csv", &BLOCKS, rows, rounds)?;
    table(out, &BLOCKS, &blocks, rows)?;
    at_least(out, "2 workers, the tuned loop's time", faster(&blocks[0], &blocks[2]), 1.9, " ×")?;

    writeln!(out, "\n### Filter and moving average, {samples} items of 16 bytes\n")?;
    let average = run("average", &SAMPLES, samples, rounds)?;
    table(out, &SAMPLES, &average, samples)?;
    let [plain, one, two, mpsc] = &average;
    for (workers, ours) in [("1 worker", one), ("2 workers", two)] {
        at_least(out, &format!("{workers}, the time of channels between stages"), faster(mpsc, ours), 20.0, " ×")?;
        bound(out, &format!("{workers}, time to the plain loop's"), ratio(&ours.millis, &plain.millis), 2.0, " ×")?;
    }
    writeln!(out)?;
    growth_of_costs(rounds, out)?;
    slow_source(rounds, out)
}

fn growth_of_costs(rounds: usize, out: &mut impl Write) -> Result<()> {
    writeln!(out, "### Growth: one worker, stages of about a nanosecond\n")?;
    let mut table = Table::new(["items and stages", "loop, ns per item", "upbeat-1, ns per item", "more"]);
    // The nanoseconds per item of the loop and of the pipeline.
    let mut each = |count: u64, stages: &str| -> Result<[f64; 2]> {
        let [plain, ours] = run(&format!("growth-{stages}"), &["loop", "upbeat-1"], count, rounds)?;
        let each = [plain, ours].map(|samples| median(samples.millis) * 1e6 / count as f64);
        let [plain, ours] = each;
        table.row([
            format!("{}, {stages}", grouped(count as f64)),
            format!("{plain:.2}"),
            format!("{ours:.2}"),
            format!("{:.2}", ours - plain),
        ]);
        Ok(each)
    };
    let [_, few] = each(100_000, "1")?;
    each(1_000_000, "1")?;
    let [plain_one, one] = each(10_000_000, "1")?;
    let [_, many] = each(100_000_000, "1")?;
    let [plain_eight, eight] = each(10_000_000, "8")?;
    table.print(out)?;
    bound(out, "an item of 100,000,000, to one of 100,000", many / few, 1.0, " ×")?;
    bound(
        out,
        "what seven more stages add, to what they add to a loop",
        (eight - one) / (plain_eight - plain_one),
        1.0,
        " ×",
    )?;
    writeln!(out)?;
    Ok(())
}

fn slow_source(rounds: usize, out: &mut impl Write) -> Result<()> {
    writeln!(out, "### A trickle: {TRICKLED} items, one every 200 µs, through a channel\n")?;
    let mut table = Table::new(["contender", "first, µs", "median, µs", "99th percentile, µs", "CPU, ms", "ratio"]);
    let mut samples: [[Vec<f64>; 4]; 3] = Default::default();
    for _ in 0..rounds {
        for (name, sample) in TRICKLES.iter().zip(&mut samples) {
            let mut child = Child::spawn(&["child-trickle", name])?;
            for (all, one) in sample.iter_mut().zip(child.numbers::<f64, 4>()?) {
                all.push(one);
            }
            child.finish()?;
        }
    }
    let cpu = |sample: &[Vec<f64>; 4]| ratio(&sample[3], &samples[0][3]);
    for (name, sample) in TRICKLES.iter().zip(&samples) {
        let [first, middle, late, used] = sample.each_ref().map(|all| median(all.iter().copied()));
        table.row([
            (*name).to_owned(),
            format!("{first:.0}"),
            format!("{middle:.0}"),
            format!("{late:.0}"),
            format!("{used:.0}"),
            format!("{:.2}", cpu(sample)),
        ]);
    }
    table.print(out)?;
    for (name, sample) in TRICKLES.iter().zip(&samples).skip(1) {
        bound(out, &format!("{name}, the first item"), median(sample[0].iter().copied()) / 1e3, 1.0, " ms")?;
        bound(out, &format!("{name}, CPU to the channel loop's"), cpu(sample), 1.0, " ×")?;
    }
    writeln!(out)?;
    Ok(())
}

/// Runs one contender with a slow source.
pub(crate) fn trickle(args: &Args, out: &mut impl Write) -> Result<()> {
    let trickled = trickle::run(&args.word::<String>(0)?, TRICKLED)?;
    writeln!(out, "{} {} {} {}", trickled.first, trickled.median, trickled.ninety_ninth, trickled.cpu)?;
    Ok(())
}

/// Returns the ratio of the time of the other contender to that of this one.
fn faster(other: &Samples, contender: &Samples) -> f64 {
    ratio(&other.millis, &contender.millis)
}

/// The measurements of a contender, round by round.
#[derive(Default)]
struct Samples {
    millis: Vec<f64>,
    cpu: Vec<f64>,
    mib: Vec<f64>,
}

fn run<const N: usize>(what: &str, contenders: &[&str; N], count: u64, rounds: usize) -> Result<[Samples; N]> {
    let mut samples: [Samples; N] = std::array::from_fn(|_| Samples::default());
    let mut same = None;
    for round in 0..=rounds {
        for (name, sample) in contenders.iter().zip(&mut samples) {
            let mut child = Child::spawn(&["child-pipeline", what, name, &count.to_string()])?;
            let [millis, cpu, mib, check, result] = child.numbers::<f64, 5>()?;
            child.finish()?;
            let result = (check.to_bits(), result.to_bits());
            ensure!(*same.get_or_insert(result) == result, "{name} gave another result");
            // The first round loads the program into the page cache.
            if round > 0 {
                sample.millis.push(millis);
                sample.cpu.push(cpu);
                sample.mib.push(mib);
            }
        }
    }
    Ok(samples)
}

fn table(out: &mut impl Write, names: &[&str], samples: &[Samples], count: u64) -> Result<()> {
    let mut table =
        Table::new(["contender", "time, ms", "ns per item", "ratio", "CPU, ms", "ratio", "peak memory, MiB"]);
    for (name, sample) in names.iter().zip(samples) {
        let millis = median(sample.millis.iter().copied());
        table.row([
            (*name).to_owned(),
            format!("{millis:.1}"),
            format!("{:.1}", millis * 1e6 / count as f64),
            format!("{:.2}", ratio(&sample.millis, &samples[0].millis)),
            format!("{:.1}", median(sample.cpu.iter().copied())),
            format!("{:.2}", ratio(&sample.cpu, &samples[0].cpu)),
            format!("{:.1}", median(sample.mib.iter().copied())),
        ]);
    }
    table.print(out)?;
    Ok(())
}

/// Runs one contender once.
pub(crate) fn child(args: &Args, out: &mut impl Write) -> Result<()> {
    let (what, name, count) = (args.word::<String>(0)?, args.word::<String>(1)?, args.word::<u64>(2)?);
    let input = if what == "csv" { rows::input(count) } else { Vec::new() };
    wait_for_processors();
    let before = peak_from_here()?;
    let (began, cpu) = (Instant::now(), own_cpu());
    let result = match what.as_str() {
        "csv" => csv::run(&name, &input, rows::Out::default())?.bytes as f64,
        "average" => average::run(&name, count)?,
        growth => growth::run(&name, growth.trim_start_matches("growth-"), count)?,
    };
    let (time, cpu) = (began.elapsed(), own_cpu().saturating_sub(cpu));
    let (millis, cpu) = (time.as_secs_f64() * 1e3, cpu.as_secs_f64() * 1e3);
    let mib = peak()? - before;
    // The check comes after the measurement, which would otherwise find its memory allocated.
    let check = match what.as_str() {
        "csv" => csv::run(&name, &rows::input(CHECKED), rows::Out { bytes: 0, hash: Some(0) })?.hash,
        _ => None,
    };
    // The hash is reduced to a number that a float can represent exactly.
    let check = (check.unwrap_or_default() >> 12) as f64;
    writeln!(out, "{millis} {cpu} {mib} {check} {result}")?;
    Ok(())
}

/// Waits for some seconds at most until two threads get two processors. On a shared machine the
/// result of two workers would otherwise depend on the load of other programs.
pub(crate) fn wait_for_processors() {
    let patience = Instant::now();
    while patience.elapsed() < PATIENCE {
        let (began, cpu) = (Instant::now(), own_cpu());
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| while began.elapsed() < PROBED {});
            }
        });
        let share = (own_cpu().saturating_sub(cpu)).as_secs_f64() / began.elapsed().as_secs_f64();
        if share > 1.9 {
            return;
        }
        #[expect(clippy::disallowed_methods, reason = "there is no runtime here, and no event to wait for")]
        thread::sleep(PROBED);
    }
}

/// Resets the peak of the resident memory, and returns its current value in MiB.
fn peak_from_here() -> Result<f64> {
    fs::write("/proc/self/clear_refs", "5")?;
    peak()
}

fn peak() -> Result<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).context("status has a line VmHWM")?;
    let kib: f64 = line.split_whitespace().nth(1).context("VmHWM has a value")?.parse()?;
    Ok(kib / 1024.0)
}
