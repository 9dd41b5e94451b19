//! A search of a tree of sources, compared with the parallel walk of ripgrep and with a pool of
//! goroutines.

mod contenders;
mod go;

use std::{
    io::Write,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    args::Args,
    child::Child,
    measure::own_cpu,
    pipeline::wait_for_processors,
    stats::{median, ratio},
    table::{Table, at_least},
};

const OURS: [&str; 5] = ["upbeat-1", "upbeat-2", "upbeat-sorted-2", "ignore-1", "ignore-2"];
const GO: &str = "go-2";
const PATTERN: &str = r"fn \w+_all";

/// Runs all contenders and prints the table.
pub(crate) fn bench(args: &Args, out: &mut impl Write) -> Result<()> {
    let rounds: usize = args.option("--rounds", 15)?;
    let pattern: String = args.option("--pattern", PATTERN.to_owned())?;
    let tree = args.word::<String>(0).ok().filter(|word| !word.starts_with("--"));
    let tree = tree.map_or_else(default_tree, PathBuf::from);
    let files = ignore::WalkBuilder::new(&tree).standard_filters(false).build();
    let files = files.flatten().filter(|entry| entry.file_type().is_some_and(|kind| kind.is_file())).count();
    let go = go::build()?;
    writeln!(out, "## grep\n\n`{pattern}` in {files} files, all in the page cache. Medians of {rounds} rounds.\n")?;
    if go.is_none() {
        writeln!(out, "The contender in Go is left out, as `go` is not installed.\n")?;
    }
    let names: Vec<&str> = OURS.into_iter().chain(go.is_some().then_some(GO)).collect();
    let samples = run(&names, go.as_deref(), &pattern, &tree, rounds)?;
    table(out, &names, &samples)?;
    let [_, two, sorted, _, walk, rest @ ..] = &samples[..] else { return Ok(()) };
    let faster = |other: &Samples, ours: &Samples| ratio(&other.millis, &ours.millis);
    at_least(out, "2 workers, the time of ripgrep's parallel walk", faster(walk, two), 0.9, " ×")?;
    at_least(out, "2 workers, in the order of paths, the time of that walk", faster(walk, sorted), 0.9, " ×")?;
    if let [go] = rest {
        at_least(out, "2 workers, the time of a pool of goroutines", faster(go, two), 4.0, " ×")?;
    }
    writeln!(out)?;
    Ok(())
}

/// Returns the folder of Cargo's sources, some ten thousand files, or else the current folder.
fn default_tree() -> PathBuf {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cargo")));
    home.map(|home| home.join("registry/src")).filter(|sources| sources.is_dir()).unwrap_or_else(|| ".".into())
}

/// The measurements of a contender, round by round.
#[derive(Default)]
struct Samples {
    millis: Vec<f64>,
    cpu: Vec<f64>,
}

fn run(names: &[&str], go: Option<&Path>, pattern: &str, tree: &Path, rounds: usize) -> Result<Vec<Samples>> {
    let mut samples: Vec<Samples> = names.iter().map(|_| Samples::default()).collect();
    let mut same = None;
    for round in 0..=rounds {
        for (name, sample) in names.iter().zip(&mut samples) {
            let tree = tree.to_str().context("the path of the tree is text")?;
            let [millis, cpu, bytes, lines] = match go {
                Some(go) if *name == GO => go::search(go, pattern, tree)?,
                _ => {
                    let mut child = Child::spawn(&["child-grep", name, pattern, tree])?;
                    let numbers = child.numbers()?;
                    child.finish()?;
                    numbers
                }
            };
            // The scanner of Go removes a carriage return at the end of a line.
            let found = if *name == GO { (same.map_or(bytes, |(bytes, _)| bytes), lines) } else { (bytes, lines) };
            ensure!(*same.get_or_insert(found) == found, "{name} found {found:?}, the first one {same:?}");
            if round > 0 {
                sample.millis.push(millis);
                sample.cpu.push(cpu);
            }
        }
    }
    Ok(samples)
}

fn table(out: &mut impl Write, names: &[&str], samples: &[Samples]) -> Result<()> {
    let mut table = Table::new(["contender", "time, ms", "CPU, ms", "time, to ignore-2's", "CPU, to ignore-2's"]);
    let baseline = &samples[OURS.len() - 1];
    for (name, sample) in names.iter().zip(samples) {
        table.row([
            (*name).to_owned(),
            format!("{:.1}", median(sample.millis.iter().copied())),
            format!("{:.1}", median(sample.cpu.iter().copied())),
            format!("{:.2}", ratio(&sample.millis, &baseline.millis)),
            format!("{:.2}", ratio(&sample.cpu, &baseline.cpu)),
        ]);
    }
    table.print(out)?;
    Ok(())
}

/// Runs one contender twice: once to warm up, and once measured.
pub(crate) fn child(args: &Args, out: &mut impl Write) -> Result<()> {
    let (name, pattern, tree) = (args.word::<String>(0)?, args.word::<String>(1)?, args.word::<PathBuf>(2)?);
    contenders::run(&name, &pattern, &tree)?;
    wait_for_processors();
    let (began, cpu) = (Instant::now(), own_cpu());
    let found = contenders::run(&name, &pattern, &tree)?;
    let (time, cpu) = (began.elapsed(), own_cpu().saturating_sub(cpu));
    writeln!(out, "{} {} {} {}", time.as_secs_f64() * 1e3, cpu.as_secs_f64() * 1e3, found.bytes, found.lines)?;
    Ok(())
}
