//! A slow source.

use std::{
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use upbeat_work::Pipeline;

use crate::measure::own_cpu;

/// The time between two items: 5,000 per second.
const PERIOD: Duration = Duration::from_micros(200);

/// The latencies of items in microseconds, and the CPU time.
pub(crate) struct Trickled {
    /// The latency of the first item, when all workers are asleep or have not started.
    pub(crate) first: f64,
    pub(crate) median: f64,
    pub(crate) ninety_ninth: f64,
    /// The CPU time of the process in milliseconds, including the source.
    pub(crate) cpu: f64,
}

/// Runs one of the contenders.
pub(crate) fn run(name: &str, count: u64) -> Result<Trickled> {
    let cpu = own_cpu();
    let (sender, receiver) = mpsc::sync_channel(1024);
    let giving = thread::spawn(move || {
        for _ in 0..count {
            #[expect(clippy::disallowed_methods, reason = "there is no runtime here, and the source has to be slow")]
            thread::sleep(PERIOD);
            if sender.send(Instant::now()).is_err() {
                return;
            }
        }
    });
    let mut took = match name {
        "loop" => receiver.into_iter().map(|given| given.elapsed()).collect(),
        "upbeat-1" => through_pipeline(receiver, 1)?,
        "upbeat-2" => through_pipeline(receiver, 2)?,
        _ => bail!("no contender {name:?}"),
    };
    ensure!(giving.join().is_ok() && took.len() as u64 == count, "{name} lost some");
    let cpu = own_cpu().saturating_sub(cpu).as_secs_f64() * 1e3;
    let micros = |took: Duration| took.as_secs_f64() * 1e6;
    let first = micros(took[0]);
    took.sort();
    Ok(Trickled { first, median: micros(took[took.len() / 2]), ninety_ninth: micros(took[took.len() * 99 / 100]), cpu })
}

fn through_pipeline(receiver: mpsc::Receiver<Instant>, workers: usize) -> Result<Vec<Duration>> {
    let run = Pipeline::from_receiver(receiver)
        .map(|given| given)
        .fold(Vec::new(), |took, given: Instant| took.push(given.elapsed()));
    Ok(run.workers(workers).run().ok().context("it runs to the end")?.output)
}
