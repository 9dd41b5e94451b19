use std::{
    fs,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

/// Returns the resident memory of a process in bytes.
///
/// The kernel sums it up from the page tables. `VmRSS` may be off by some hundred KiB, which is
/// much for 1,000 players.
pub(crate) fn resident(process: &str) -> Result<u64> {
    let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
    let line = rollup.lines().find(|line| line.starts_with("Rss:")).context("smaps_rollup has a line Rss")?;
    let kib: u64 = line.split_whitespace().nth(1).context("Rss has a value")?.parse()?;
    Ok(kib * 1024)
}

/// Returns the CPU time of all threads of a process, in user space and in the kernel.
pub(crate) fn cpu(process: &str) -> Result<Duration> {
    let mut nanos = 0;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        let schedstat = fs::read_to_string(thread?.path().join("schedstat"))?;
        nanos += schedstat.split_whitespace().next().context("schedstat has a value")?.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanos))
}

/// Returns the CPU time of this process. Unlike the files in `/proc`, it includes the time since
/// the last tick of a running thread.
pub(crate) fn own_cpu() -> Duration {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    // The CPU time is never negative.
    spent.try_into().unwrap_or_default()
}

/// The cost of a contender.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spent {
    /// The elapsed time.
    pub(crate) time: Duration,
    /// The CPU time on all processors.
    pub(crate) cpu: Duration,
    /// The resident bytes when all parts are ready.
    pub(crate) bytes: u64,
}

/// A measurement of a contender: its time, and its memory in between while the clock is stopped.
#[derive(Debug)]
pub(crate) struct Probe {
    resident: u64,
    so_far: Spent,
    cpu: Duration,
    started: Instant,
}

impl Probe {
    pub(crate) fn start() -> Result<Self> {
        let resident = resident("self")?;
        Ok(Self { resident, so_far: Spent::default(), cpu: own_cpu(), started: Instant::now() })
    }

    /// Measures the memory once all parts are ready.
    pub(crate) fn ready(&mut self) -> Result<()> {
        self.pause();
        self.so_far.bytes = resident("self")?.saturating_sub(self.resident);
        self.cpu = own_cpu();
        self.started = Instant::now();
        Ok(())
    }

    /// Ends the measurement.
    pub(crate) fn done(mut self) -> Spent {
        self.pause();
        self.so_far
    }

    fn pause(&mut self) {
        self.so_far.time += self.started.elapsed();
        self.so_far.cpu += own_cpu().saturating_sub(self.cpu);
    }
}
