//! Jobs that record their lives, and checks of the record.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::resume_unwind,
    sync::{Arc, Mutex, PoisonError},
};

use shuttle::rand::{Rng as _, thread_rng};
use tokio::time::Instant;
use upbeat::{BoxError, Context};
use upbeat_work::{
    Pool,
    pool::{Drained, PoolBuilder, PoolCounts, Worker},
};

use crate::explore::{MS, pause};

/// A record of jobs. Its lock is an ordinary one, so that recording is no point of the schedule.
#[derive(Clone, Debug, Default)]
pub(super) struct JobLog(Arc<Mutex<Entries>>);

#[derive(Debug, Default)]
struct Entries {
    begun: BTreeMap<u32, usize>,
    done: BTreeSet<u32>,
    living: BTreeSet<u32>,
    states: usize,
    flaky: bool,
    wrong: Vec<String>,
}

/// A job that yields a few times, and then behaves as set.
#[derive(Debug)]
pub(super) struct Job {
    id: u32,
    behavior: Behavior,
    log: JobLog,
}

#[derive(Debug)]
enum Behavior {
    Ends,
    Panics,
    NeverEnds,
}

/// The state of a worker. A job that does not finish leaves it damaged.
#[derive(Debug)]
pub(super) struct State {
    damaged: bool,
    log: JobLog,
}

pub(super) async fn work(state: &mut State, job: Job) -> u32 {
    // An assertion here would be one more panic of a job.
    job.log.begin(job.id, state.damaged);
    state.damaged = true;
    pause(2).await;
    match job.behavior {
        Behavior::Ends => {}
        // Bypasses the panic hook, which prints a failing schedule.
        Behavior::Panics => resume_unwind(Box::new("on purpose")),
        Behavior::NeverEnds => std::future::pending().await,
    }
    state.damaged = false;
    job.log.entries(|log| log.done.insert(job.id));
    job.id
}

impl JobLog {
    pub(super) fn job(&self, id: u32) -> Job {
        self.job_that(Behavior::Ends, id)
    }

    pub(super) fn panicking_job(&self, id: u32) -> Job {
        self.job_that(Behavior::Panics, id)
    }

    pub(super) fn endless_job(&self, id: u32) -> Job {
        self.job_that(Behavior::NeverEnds, id)
    }

    fn job_that(&self, behavior: Behavior, id: u32) -> Job {
        self.entries(|log| log.living.insert(id));
        Job { id, behavior, log: self.clone() }
    }

    /// Builds a pool for these jobs.
    pub(super) fn pool(&self, builder: PoolBuilder<Job>) -> Pool<Job, u32> {
        let log = self.clone();
        let make = move |_: Worker| {
            let fails = log.entries(|log| log.flaky) && chance();
            let state = State::new(&log);
            async move {
                pause(1).await;
                if fails { Err(BoxError::from("no route")) } else { Ok(state) }
            }
        };
        builder.name_jobs(|job: &Job| job.id.to_string()).build(make, work)
    }

    /// Sets whether building a state may fail from now on.
    pub(super) fn set_flaky(&self, flaky: bool) {
        self.entries(|log| log.flaky = flaky);
    }

    /// Builds and starts a pool.
    pub(super) fn playing(&self, builder: PoolBuilder<Job>) -> Pool<Job, u32> {
        let pool = self.pool(builder);
        pool.start(&Context::background()).unwrap();
        pool
    }

    fn begin(&self, id: u32, damaged: bool) {
        self.entries(|log| {
            *log.begun.entry(id).or_default() += 1;
            if damaged {
                log.wrong.push(format!("job {id} ran on a state that another job had damaged"));
            }
        });
    }

    fn entries<T>(&self, work: impl FnOnce(&mut Entries) -> T) -> T {
        // Jobs are dropped after a failed assertion too, and record that.
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn begun(&self) -> BTreeSet<u32> {
        self.entries(|log| log.begun.keys().copied().collect())
    }

    pub(super) fn done(&self) -> BTreeSet<u32> {
        self.entries(|log| log.done.clone())
    }

    /// Returns the number of worker states.
    pub(super) fn states(&self) -> usize {
        self.entries(|log| log.states)
    }

    /// Checks the end: no job began twice or ran on a damaged state, and no job or worker is left.
    pub(super) fn check(&self) {
        self.entries(|log| {
            assert!(log.wrong.is_empty() && log.begun.values().all(|&times| times == 1), "{log:?}");
            assert!(log.living.is_empty() && log.states == 0, "jobs or workers are left: {log:?}");
        });
    }
}

impl State {
    pub(super) fn new(log: &JobLog) -> Self {
        log.entries(|log| log.states += 1);
        Self { damaged: false, log: log.clone() }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.log.entries(|log| log.states -= 1);
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.log.entries(|log| log.living.remove(&self.id));
    }
}

/// Shuts a pool down. No accepted job is lost, and all workers leave.
pub(super) async fn drain(pool: &Pool<Job, u32>) -> Drained {
    let begun = Instant::now();
    let drained = pool.shutdown(begun + MS).await;
    assert!(begun.elapsed().is_zero(), "a wake-up at the end of the work was lost: {drained}");
    assert!(drained.lost.is_empty(), "{drained}");
    assert_adds_up(&drained.counts);
    assert_eq!(drained.counts.workers, 0, "{drained}");
    drained
}

/// Asserts that each accepted job is counted once. Submissions that will be refused may hold
/// permits.
pub(super) fn assert_adds_up(counts: &PoolCounts) {
    let outcomes = counts.finished + counts.panicked + counts.cancelled + counts.lost;
    assert_eq!(counts.accepted, outcomes, "{counts:?}");
}

pub(super) fn chance() -> bool {
    thread_rng().gen_bool(0.5)
}
