use std::{hint::black_box, time::Instant};

use anyhow::{Result, bail};

const LONG_EVERY: u64 = 64;
const LONGER: u64 = 32;

/// A load of jobs. Each job takes some steps of arithmetic, and replies with its number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    jobs: u64,
    steps: u64,
    skewed: bool,
    pub(super) single: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Job {
    number: u64,
    steps: u64,
}

impl Load {
    /// Returns the load of this name. `unit` is the number of steps per nanosecond.
    pub(super) fn named(name: &str, unit: f64) -> Result<Self> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some thousand steps")]
        let steps = |nanos: f64| (nanos * unit) as u64;
        // The mean of a skewed load is that of 63 short jobs and one that is 32 times as long.
        let share = LONG_EVERY as f64 / (LONG_EVERY - 1 + LONGER) as f64;
        Ok(match name {
            "cheap" => Self { jobs: 1_000_000, steps: steps(200.0), skewed: false, single: false },
            "skewed" => Self { jobs: 100_000, steps: steps(10_000.0 * share), skewed: true, single: false },
            "single" => Self { jobs: 200_000, steps: 1, skewed: false, single: true },
            _ => bail!("there is no load {name:?}"),
        })
    }

    /// Returns the same load with a part of the jobs.
    pub(super) fn part(self, of: u64) -> Self {
        Self { jobs: self.jobs / of, ..self }
    }

    pub(super) fn jobs(self) -> u64 {
        self.jobs
    }

    pub(super) fn iter(self) -> impl Iterator<Item = Job> + Send + use<> {
        (0..self.jobs).map(move |number| {
            let long = self.skewed && number % LONG_EVERY == LONG_EVERY / 2;
            Job { number, steps: if long { self.steps * LONGER } else { self.steps } }
        })
    }

    /// Returns the expected sum of all replies.
    pub(super) fn expected(self) -> u64 {
        (0..self.jobs).sum()
    }
}

impl Job {
    pub(super) fn run(self) -> u64 {
        black_box(burn(self.steps));
        self.number
    }
}

fn burn(steps: u64) -> u64 {
    // Each step depends on the previous one, so that no processor runs two at once.
    (0..black_box(steps)).fold(1, |x, _| black_box(x * 6_364_136_223_846_793_005_u64 % 0x7fff_ffff))
}

/// Returns the number of steps per nanosecond, in the fastest and least disturbed of some runs.
pub(super) fn calibrate() -> f64 {
    const STEPS: u64 = 1_000_000;
    let tries = (0..20).map(|_| {
        let began = Instant::now();
        black_box(burn(STEPS));
        STEPS as f64 / began.elapsed().as_secs_f64() / 1e9
    });
    tries.fold(0.0, f64::max)
}
