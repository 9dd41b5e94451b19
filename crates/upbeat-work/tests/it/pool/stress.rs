//! Many submitters, cancels, panics, new states and a shutdown in between: each job has one
//! outcome.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    task::{JoinSet, yield_now},
    time::{Instant, sleep},
};
use upbeat::{BoxError, Context};
use upbeat_work::{
    Pool,
    pool::{JobError, PoolCounts, TrySubmitError},
};

const SUBMITTERS: u64 = 8;
const JOBS: u32 = 2_000;

/// The results that submitters got.
#[derive(Default)]
struct Seen {
    accepted: AtomicU64,
    done: AtomicU64,
    panicked: AtomicU64,
    lost: AtomicU64,
    cancelled: AtomicU64,
    /// Detached, or dropped too late to be cancelled.
    detached: AtomicU64,
    refused: AtomicU64,
}

impl Seen {
    fn end(&self, result: Result<u32, JobError>, expected: u32) {
        match result {
            Ok(reply) => {
                assert_eq!(reply, expected, "the reply of another job");
                self.done.fetch_add(1, Relaxed);
            }
            Err(JobError::Panicked(_)) => _ = self.panicked.fetch_add(1, Relaxed),
            Err(JobError::Lost { .. }) => _ = self.lost.fetch_add(1, Relaxed),
            Err(other) => panic!("{other}"),
        }
    }
}

/// The record of all jobs.
#[derive(Default)]
struct Tally {
    ran: AtomicU64,
    twice: AtomicU64,
    living: AtomicU64,
}

/// A job that records whether it ran, and whether it still exists.
struct Job {
    id: u32,
    ran: Arc<AtomicBool>,
    tally: Arc<Tally>,
    behavior: u8,
}

impl Drop for Job {
    fn drop(&mut self) {
        self.tally.living.fetch_sub(1, Relaxed);
    }
}

async fn work(state: &mut u32, job: Job) -> u32 {
    // An assertion here would be one more panic on purpose.
    job.tally.ran.fetch_add(1, Relaxed);
    if job.ran.swap(true, Relaxed) {
        job.tally.twice.fetch_add(1, Relaxed);
    }
    *state += 1;
    match job.behavior {
        0 => std::panic::resume_unwind(Box::new("on purpose")),
        1 => {
            yield_now().await;
            std::panic::resume_unwind(Box::new("on purpose, later"));
        }
        2..=9 => yield_now().await,
        10 => sleep(Duration::from_millis(1)).await,
        _ => {}
    }
    job.id
}

struct Maker {
    rng: fastrand::Rng,
    tally: Arc<Tally>,
}

impl Maker {
    fn job(&mut self, id: u32) -> Job {
        self.tally.living.fetch_add(1, Relaxed);
        Job { id, ran: Arc::default(), tally: self.tally.clone(), behavior: self.rng.u8(0..200) }
    }
}

async fn submitter(pool: Pool<Job, u32>, seen: Arc<Seen>, mut maker: Maker) {
    let mut tickets = Vec::new();
    let mut id = 0;
    while id < JOBS {
        id += 1;
        match maker.rng.u8(0..20) {
            0 => {
                let jobs: Vec<_> = (0..maker.rng.u32(0..300)).map(|at| maker.job(id + at)).collect();
                let (first, expected) = (id, jobs.len());
                id += u32::try_from(expected).expect("it is small");
                let read = if maker.rng.bool() { expected } else { maker.rng.usize(0..=expected) };
                batch(&pool, &seen, jobs, first, read, maker.rng.bool()).await;
            }
            1..=10 => {
                let job = maker.job(id);
                match pool.try_submit(job) {
                    Ok(ticket) => {
                        seen.accepted.fetch_add(1, Relaxed);
                        tickets.push((id, ticket));
                    }
                    Err(TrySubmitError::Busy(_)) => _ = seen.refused.fetch_add(1, Relaxed),
                    Err(TrySubmitError::Closed(_)) => return finish(&seen, tickets).await,
                }
            }
            11 => {
                // Stops waiting at some point, perhaps with a permit.
                let job = maker.job(id);
                tokio::select! {
                    biased;
                    () = yield_now() => { seen.refused.fetch_add(1, Relaxed); }
                    ticket = pool.submit(job) => if let Ok(ticket) = ticket {
                        seen.accepted.fetch_add(1, Relaxed);
                        tickets.push((id, ticket));
                    },
                }
            }
            _ => {
                let job = maker.job(id);
                let Ok(ticket) = pool.submit(job).await else { return finish(&seen, tickets).await };
                seen.accepted.fetch_add(1, Relaxed);
                tickets.push((id, ticket));
            }
        }
        if tickets.len() > 20 {
            let at = maker.rng.usize(0..tickets.len());
            let (id, ticket) = tickets.swap_remove(at);
            match maker.rng.u8(0..4) {
                0 => {
                    let seen = if ticket.cancel() { &seen.cancelled } else { &seen.detached };
                    seen.fetch_add(1, Relaxed);
                }
                1 => {
                    ticket.detach();
                    seen.detached.fetch_add(1, Relaxed);
                }
                _ => seen.end(ticket.await, id),
            }
        }
    }
    finish(&seen, tickets).await;
}

async fn batch(pool: &Pool<Job, u32>, seen: &Seen, jobs: Vec<Job>, first: u32, read: usize, ordered: bool) {
    if ordered {
        let mut results = pool.submit_all(jobs);
        for at in 0..read {
            match results.next().await {
                Some(Err(JobError::Refused)) | None => return,
                Some(result) => seen.end(result, first + u32::try_from(at).expect("it is small")),
            }
        }
    } else {
        let mut results = pool.submit_all_unordered(jobs);
        for _ in 0..read {
            match results.next().await {
                Some((_, Err(JobError::Refused))) | None => return,
                Some((at, result)) => seen.end(result, first + u32::try_from(at).expect("it is small")),
            }
        }
    }
}

async fn finish(seen: &Seen, tickets: Vec<(u32, upbeat_work::pool::Ticket<u32>)>) {
    for (id, ticket) in tickets {
        seen.end(ticket.await, id);
    }
}

fn adds_up(counts: &PoolCounts) {
    assert_eq!(counts.accepted, counts.finished + counts.panicked + counts.cancelled + counts.lost, "{counts:?}");
    assert_eq!((counts.workers, counts.queued), (0, 0), "{counts:?}");
}

/// Runs a storm. `stop` is the time before a shutdown and the time to its deadline, in
/// milliseconds.
async fn storm(random: u64, stop: Option<(u64, u64)>) {
    let mut rng = fastrand::Rng::with_seed(random);
    let (seen, tally) = (Arc::new(Seen::default()), Arc::new(Tally::default()));
    let least = rng.usize(1..4);
    let pool = Pool::builder("storm")
        .elastic(least..=least + rng.usize(0..4))
        .grow_after(Duration::from_millis(1))
        .idle_timeout(Duration::from_millis(2))
        .queue_capacity(rng.usize(1..100))
        .build(async |_| Ok::<_, BoxError>(0), work);
    pool.start(&Context::background()).expect("the pool is new");
    let mut submitters = JoinSet::new();
    for _ in 0..SUBMITTERS {
        let maker = Maker { rng: rng.fork(), tally: tally.clone() };
        submitters.spawn(submitter(pool.clone(), seen.clone(), maker));
    }
    let end = if let Some((after, within)) = stop {
        sleep(Duration::from_millis(after)).await;
        let end = pool.shutdown(Instant::now() + Duration::from_millis(within)).await;
        while let Some(ended) = submitters.join_next().await {
            ended.expect("no submitter fails");
        }
        end
    } else {
        while let Some(ended) = submitters.join_next().await {
            ended.expect("no submitter fails");
        }
        pool.shutdown(Instant::now() + Duration::from_mins(1)).await
    };
    let counts = pool.counts();
    adds_up(&counts);
    assert_eq!(end.counts.accepted, counts.accepted, "nothing is accepted after the shutdown");
    assert_eq!(end.lost.len() as u64, counts.lost);
    assert!(seen.done.load(Relaxed) <= counts.finished);
    assert!(seen.panicked.load(Relaxed) <= counts.panicked);
    assert!(seen.lost.load(Relaxed) <= counts.lost);
    assert!(seen.cancelled.load(Relaxed) <= counts.cancelled);
    if stop.is_none() {
        assert_eq!(counts.lost, 0);
    }
    let begun = end.lost.iter().filter(|lost| lost.begun.is_some()).count() as u64;
    assert_eq!(tally.twice.load(Relaxed), 0, "jobs ran twice");
    let ran = tally.ran.load(Relaxed);
    // A job that was lost the moment it began has not run.
    let ended = counts.finished + counts.panicked;
    assert!(ended <= ran && ran <= ended + begun, "{ran} ran, {begun} lost while running: {counts:?}");
    drop(pool);
    // An aborted worker drops its job when its task is dropped.
    for _ in 0..10_000 {
        if tally.living.load(Relaxed) == 0 {
            return;
        }
        sleep(Duration::from_millis(1)).await;
    }
    panic!("{} jobs are left", tally.living.load(Relaxed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn in_a_storm_each_job_has_one_outcome() {
    for seed in 0..6 {
        storm(seed, None).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_shutdown_during_a_storm_reports_all_lost_jobs() {
    for seed in 0..40 {
        storm(seed, Some((seed % 20, seed % 3))).await;
    }
}

#[tokio::test]
async fn a_storm_on_one_thread_ends_the_same() {
    for seed in 0..20 {
        storm(seed, (seed % 2 == 0).then_some((seed % 7, seed % 3))).await;
    }
}
