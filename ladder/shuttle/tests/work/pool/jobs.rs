//! Jobs that keep books, and what is asked of the books in the end.

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
    pool::{Counts, Drained, PoolBuilder, Worker},
};

use crate::explore::{MS, pause};

/// What jobs say of themselves. An ordinary lock: writing it down is no point of the schedule.
#[derive(Clone, Debug, Default)]
pub(super) struct Books(Arc<Mutex<Entries>>);

#[derive(Debug, Default)]
struct Entries {
    begun: BTreeMap<u32, usize>,
    done: BTreeSet<u32>,
    living: BTreeSet<u32>,
    states: usize,
    flaky: bool,
    wrong: Vec<String>,
}

/// A job that may be overtaken a few times, and then ends as it is its manner.
#[derive(Debug)]
pub(super) struct Job {
    id: u32,
    manner: Manner,
    books: Books,
}

#[derive(Debug)]
enum Manner {
    Ends,
    Panics,
    NeverEnds,
}

/// The state of a worker. Every job leaves it damaged but those that come to their end.
#[derive(Debug)]
pub(super) struct State {
    damaged: bool,
    books: Books,
}

pub(super) async fn work(state: &mut State, job: Job) -> u32 {
    // An assertion in here would be one more panic of a job.
    job.books.begin(job.id, state.damaged);
    state.damaged = true;
    pause(2).await;
    match job.manner {
        Manner::Ends => {}
        // Without the panic hook, which prints a failing schedule.
        Manner::Panics => resume_unwind(Box::new("on purpose")),
        Manner::NeverEnds => std::future::pending().await,
    }
    state.damaged = false;
    job.books.entries(|books| books.done.insert(job.id));
    job.id
}

impl Books {
    pub(super) fn job(&self, id: u32) -> Job {
        self.job_that(Manner::Ends, id)
    }

    pub(super) fn panicking_job(&self, id: u32) -> Job {
        self.job_that(Manner::Panics, id)
    }

    pub(super) fn endless_job(&self, id: u32) -> Job {
        self.job_that(Manner::NeverEnds, id)
    }

    fn job_that(&self, manner: Manner, id: u32) -> Job {
        self.entries(|books| books.living.insert(id));
        Job { id, manner, books: self.clone() }
    }

    /// A pool for these jobs.
    pub(super) fn pool(&self, builder: PoolBuilder<Job>) -> Pool<Job, u32> {
        let books = self.clone();
        let make = move |_: Worker| {
            let fails = books.entries(|books| books.flaky) && chance();
            let state = State::new(&books);
            async move {
                pause(1).await;
                if fails { Err(BoxError::from("no route")) } else { Ok(state) }
            }
        };
        builder.name_jobs(|job: &Job| job.id.to_string()).build(make, work)
    }

    /// Whether states may turn out not to be possible, from now on.
    pub(super) fn are_flaky(&self, flaky: bool) {
        self.entries(|books| books.flaky = flaky);
    }

    /// A pool that has been started.
    pub(super) fn playing(&self, builder: PoolBuilder<Job>) -> Pool<Job, u32> {
        let pool = self.pool(builder);
        pool.start(&Context::background()).unwrap();
        pool
    }

    fn begin(&self, id: u32, damaged: bool) {
        self.entries(|books| {
            *books.begun.entry(id).or_default() += 1;
            if damaged {
                books.wrong.push(format!("job {id} was given a state that another job had damaged"));
            }
        });
    }

    fn entries<T>(&self, work: impl FnOnce(&mut Entries) -> T) -> T {
        // It goes on after an assertion in here, since jobs are dropped then.
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn begun(&self) -> BTreeSet<u32> {
        self.entries(|books| books.begun.keys().copied().collect())
    }

    pub(super) fn done(&self) -> BTreeSet<u32> {
        self.entries(|books| books.done.clone())
    }

    /// How many states of workers there are.
    pub(super) fn states(&self) -> usize {
        self.entries(|books| books.states)
    }

    /// When all is over: no job began twice, none had a state that a panic has left, and neither a job nor a worker is left over.
    pub(super) fn are_right(&self) {
        self.entries(|books| {
            assert!(books.wrong.is_empty() && books.begun.values().all(|&times| times == 1), "{books:?}");
            assert!(books.living.is_empty() && books.states == 0, "jobs or workers that are left: {books:?}");
        });
    }
}

impl State {
    pub(super) fn new(books: &Books) -> Self {
        books.entries(|books| books.states += 1);
        Self { damaged: false, books: books.clone() }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.books.entries(|books| books.states -= 1);
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.books.entries(|books| books.living.remove(&self.id));
    }
}

/// Ends a pool in peace: nothing that was accepted is lost, and every worker leaves by itself.
pub(super) async fn drain(pool: &Pool<Job, u32>) -> Drained {
    let begun = Instant::now();
    let drained = pool.shutdown(begun + MS).await;
    assert!(begun.elapsed().is_zero(), "it has slept through the end of the work: {drained}");
    assert!(drained.lost.is_empty(), "{drained}");
    adds_up(&drained.counts);
    assert_eq!(drained.counts.workers, 0, "{drained}");
    drained
}

/// Every accepted job is counted once. Places may still be taken, for submissions that will be refused.
pub(super) fn adds_up(counts: &Counts) {
    let told = counts.finished + counts.panicked + counts.cancelled + counts.lost;
    assert_eq!(counts.accepted, told, "{counts:?}");
}

pub(super) fn chance() -> bool {
    thread_rng().gen_bool(0.5)
}
