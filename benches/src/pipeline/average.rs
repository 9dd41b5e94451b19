//! Small items: a filter and a moving average.

use anyhow::{Context, Result, bail};
use tokio::sync::mpsc;
use upbeat_work::Pipeline;

const CHANNEL: usize = 1024;
const SPAN: usize = 16;

/// An item of 16 bytes.
#[derive(Clone, Copy, Debug)]
struct Sample {
    time: u64,
    value: f64,
}

fn samples(count: u64) -> impl Iterator<Item = Sample> + Send + 'static {
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    (0..count).map(move |time| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        Sample { time, value: (random >> 40) as f64 }
    })
}

/// The filter, which passes about two thirds.
fn keep(sample: &Sample) -> bool {
    sample.value < 11_000_000.0
}

#[derive(Debug, Default)]
struct Average {
    last: [f64; SPAN],
    at: usize,
    sum: f64,
    checksum: f64,
}

impl Average {
    fn add(&mut self, sample: Sample) {
        self.sum += sample.value - self.last[self.at];
        self.last[self.at] = sample.value;
        self.at = (self.at + 1) % SPAN;
        self.checksum += self.sum / SPAN as f64 + sample.time as f64;
    }
}

/// Runs one of the contenders, and returns a checksum.
pub(crate) fn run(name: &str, count: u64) -> Result<f64> {
    match name {
        "loop" => {
            let mut average = Average::default();
            samples(count).filter(keep).for_each(|sample| average.add(sample));
            Ok(average.checksum)
        }
        "upbeat-1" => upbeat(count, 1),
        "upbeat-2" => upbeat(count, 2),
        "mpsc" => {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
            runtime.block_on(channels(count))
        }
        other => bail!("no contender {other:?}"),
    }
}

fn upbeat(count: u64, workers: usize) -> Result<f64> {
    let run = Pipeline::from_iter(samples(count)).filter(keep).fold(Average::default(), Average::add);
    Ok(run.workers(workers).run().ok().context("it runs to the end")?.output.checksum)
}

async fn channels(count: u64) -> Result<f64> {
    let (to_filter, mut all) = mpsc::channel(CHANNEL);
    let (to_average, mut kept) = mpsc::channel(CHANNEL);
    tokio::spawn(async move {
        for sample in samples(count) {
            if to_filter.send(sample).await.is_err() {
                return;
            }
        }
    });
    tokio::spawn(async move {
        while let Some(sample) = all.recv().await {
            if keep(&sample) && to_average.send(sample).await.is_err() {
                return;
            }
        }
    });
    let averaging = tokio::spawn(async move {
        let mut average = Average::default();
        while let Some(sample) = kept.recv().await {
            average.add(sample);
        }
        average.checksum
    });
    Ok(averaging.await?)
}
