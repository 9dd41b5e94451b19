use std::{
    fs,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

/// The resident memory of a process, in bytes.
///
/// Summed by the kernel from its page tables: `VmRSS` may be off by some hundred KiB, which is much for 1,000 players.
pub(crate) fn resident(process: &str) -> Result<u64> {
    let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
    let line = rollup.lines().find(|line| line.starts_with("Rss:")).context("smaps_rollup has a line Rss")?;
    let kib: u64 = line.split_whitespace().nth(1).context("Rss has a value")?.parse()?;
    Ok(kib * 1024)
}

/// How long the threads of a process have been on a processor, in user space and in the kernel.
pub(crate) fn cpu(process: u32) -> Result<Duration> {
    let mut nanos = 0;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        let schedstat = fs::read_to_string(thread?.path().join("schedstat"))?;
        nanos += schedstat.split_whitespace().next().context("schedstat has a value")?.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanos))
}

/// Measures a contender's time and, in the middle of it with the clock stopped, its memory.
#[derive(Debug)]
pub(crate) struct Probe {
    resident: u64,
    started: Instant,
    so_far: Duration,
}

impl Probe {
    pub(crate) fn start() -> Result<Self> {
        let resident = resident("self")?;
        Ok(Self { resident, started: Instant::now(), so_far: Duration::ZERO })
    }

    /// Everything is ready: its memory, in bytes.
    pub(crate) fn ready(&mut self) -> Result<u64> {
        self.so_far = self.started.elapsed();
        let grown = resident("self")?.saturating_sub(self.resident);
        self.started = Instant::now();
        Ok(grown)
    }

    /// Everything is over: the time it took.
    pub(crate) fn done(self) -> Duration {
        self.so_far + self.started.elapsed()
    }
}
