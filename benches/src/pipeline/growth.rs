//! The cost of an item with a growing number of items and of stages.

use std::hint::black_box;

use anyhow::{Context, Result, bail};
use upbeat_work::Pipeline;

/// A step of work. The compiler can neither remove it nor vectorize it, which it would do only in a
/// loop.
#[inline]
fn step(x: u64) -> u64 {
    black_box(x ^ (x << 13))
}

/// Runs one of the contenders with a number of stages, and returns a checksum.
pub(crate) fn run(name: &str, stages: &str, count: u64) -> Result<f64> {
    let sum = match (name, stages) {
        ("loop", "1") => (1..=count).map(step).fold(0, add),
        ("loop", "8") => {
            let items = (1..=count).map(step).map(step).map(step).map(step);
            items.map(step).map(step).map(step).map(step).fold(0, add)
        }
        ("upbeat-1", "1") => {
            let run = Pipeline::from_iter(1..=count).map(step).fold(0, add_to);
            run.workers(1).run().ok().context("it runs to the end")?.output
        }
        ("upbeat-1", "8") => {
            let items = Pipeline::from_iter(1..=count).map(step).map(step).map(step).map(step);
            let run = items.map(step).map(step).map(step).map(step).fold(0, add_to);
            run.workers(1).run().ok().context("it runs to the end")?.output
        }
        _ => bail!("no contender {name:?} with {stages} stages"),
    };
    Ok(sum as f64)
}

fn add(sum: u64, x: u64) -> u64 {
    sum.wrapping_add(x)
}

fn add_to(sum: &mut u64, x: u64) {
    *sum = sum.wrapping_add(x);
}
