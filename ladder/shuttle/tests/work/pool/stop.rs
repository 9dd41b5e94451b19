//! The end of a pool: drained or aborted.

use std::collections::BTreeSet;

use tokio::{task::JoinHandle, time::Instant};
use upbeat::Context;
use upbeat_work::{Pool, pool::JobError};

use super::log::{Job, JobLog, assert_adds_up, drain};
use crate::explore::{MS, Time, explore, pause, settle};

/// The jobs of a submitter that were accepted, and those of them that were lost.
#[derive(Default)]
struct Outcomes {
    accepted: BTreeSet<u32>,
    lost: BTreeSet<u32>,
    lost_before_they_began: BTreeSet<u32>,
}

async fn submit(pool: Pool<Job, u32>, log: JobLog, ids: std::ops::Range<u32>) -> Outcomes {
    let (mut outcomes, mut tickets) = (Outcomes::default(), Vec::new());
    for id in ids {
        match pool.submit(log.job(id)).await {
            Ok(ticket) => tickets.push((id, ticket)),
            Err(_) => break,
        }
        pause(1).await;
    }
    for (id, ticket) in tickets {
        outcomes.accepted.insert(id);
        match ticket.await {
            Ok(reply) => assert_eq!(reply, id),
            Err(JobError::Lost { begun }) => {
                outcomes.lost.insert(id);
                if !begun {
                    outcomes.lost_before_they_began.insert(id);
                }
            }
            Err(error) => panic!("{error}"),
        }
    }
    outcomes
}

async fn join_all(submitters: Vec<JoinHandle<Outcomes>>) -> Outcomes {
    let mut all = Outcomes::default();
    for submitter in submitters {
        let mut outcomes = submitter.await.unwrap();
        all.accepted.append(&mut outcomes.accepted);
        all.lost.append(&mut outcomes.lost);
        all.lost_before_they_began.append(&mut outcomes.lost_before_they_began);
    }
    all
}

fn submitters(pool: &Pool<Job, u32>, log: &JobLog) -> Vec<JoinHandle<Outcomes>> {
    (0..3).map(|at| tokio::spawn(submit(pool.clone(), log.clone(), at * 10..at * 10 + 3))).collect()
}

#[test]
fn a_shutdown_at_any_moment_finishes_accepted_jobs() {
    explore(Time::WhenIdle, || async {
        let log = JobLog::default();
        let pool = log.playing(Pool::builder("pool").workers(2).queue_capacity(2));
        let submitting = submitters(&pool, &log);
        pause(10).await;
        let drained = drain(&pool).await;
        let outcomes = join_all(submitting).await;
        assert!(outcomes.lost.is_empty(), "{drained}");
        assert_eq!(outcomes.accepted, log.done(), "{drained}");
        assert_eq!(drained.counts.accepted, outcomes.accepted.len() as u64, "{drained}");
        log.check();
    });
}

#[test]
fn lost_jobs_are_named_counted_and_returned_to_their_tickets() {
    explore(Time::AtAnyMoment, || async {
        let log = JobLog::default();
        let pool = log.playing(Pool::builder("pool").workers(2).queue_capacity(3));
        let submitting = submitters(&pool, &log);
        pause(6).await;
        let drained = pool.shutdown(Instant::now() + MS).await;
        let outcomes = join_all(submitting).await;
        assert_adds_up(&drained.counts);
        let numbers: BTreeSet<u64> = drained.lost.iter().map(|lost| lost.number).collect();
        assert_eq!(
            (numbers.len(), outcomes.lost.len()),
            (drained.lost.len(), drained.lost.len()),
            "{:?}",
            drained.lost
        );
        for lost in &drained.lost {
            match &lost.name {
                Some(name) => assert!(outcomes.lost.contains(&name.parse().unwrap()), "{lost}"),
                None => assert!(lost.begun.is_some(), "{lost}"),
            }
        }
        let not_begun = drained.lost.iter().filter(|lost| lost.begun.is_none()).count();
        assert_eq!(not_begun, outcomes.lost_before_they_began.len(), "{drained}");
        settle().await;
        assert!(outcomes.lost_before_they_began.is_disjoint(&log.begun()), "{log:?}");
        let (counts, before) = (pool.counts(), drained.counts);
        assert_eq!((counts.finished, counts.lost), (before.finished, before.lost), "the pool went on after its end");
        log.check();
    });
}

#[test]
fn only_the_endless_job_is_lost_at_the_deadline() {
    explore(Time::WhenIdle, || async {
        let log = JobLog::default();
        let pool = log.playing(Pool::builder("pool").workers(2).queue_capacity(3));
        let mut tickets = Vec::new();
        for id in 0..6 {
            let job = if id == 2 { log.endless_job(id) } else { log.job(id) };
            tickets.push(pool.submit(job).await.unwrap());
        }
        let begun = Instant::now();
        let drained = pool.shutdown(begun + MS).await;
        assert_eq!(begun.elapsed(), MS, "{drained}");
        // The other worker runs the jobs that were taken with it.
        let lost: Vec<_> = drained.lost.iter().map(|lost| (lost.name.as_deref(), lost.begun.is_some())).collect();
        assert_eq!(lost, [(Some("2"), true)], "{drained}");
        for (id, ticket) in (0..).zip(tickets) {
            match ticket.await {
                Ok(reply) => assert!(id != 2 && reply == id),
                Err(error) => assert!(id == 2 && error.is_lost(), "{error}"),
            }
        }
        settle().await;
        assert_adds_up(&pool.counts());
        log.check();
    });
}

/// Runs a pool several times. Each run ends while jobs are submitted. In all but the last, workers
/// may fail.
async fn runs(flaky: bool) {
    let log = JobLog::default();
    let pool = log.pool(Pool::builder("pool").workers(3).queue_capacity(3).max_attempts(1));
    log.set_flaky(flaky);
    let mut before = Vec::new();
    for run in 1..=3 {
        pool.start(&Context::background()).unwrap();
        before.push(tokio::spawn(submit(pool.clone(), log.clone(), run * 10..run * 10 + 3)));
        pause(6).await;
        pool.shutdown(Instant::now() + MS).await;
    }
    log.set_flaky(false);
    pool.start(&Context::background()).unwrap();
    let last = submit(pool.clone(), log.clone(), 100..104).await;
    assert!(last.accepted.len() == 4 && last.lost.is_empty(), "a worker of an earlier run ended it");
    let before = join_all(before).await;
    settle().await;
    let done = drain(&pool).await.counts.finished;
    // Earlier submitters may have reached the last run.
    assert!(done >= 4 && done <= 4 + before.accepted.len() as u64, "{done}");
    log.check();
}

#[test]
fn a_drained_pool_that_is_started_again_begins_clean() {
    explore(Time::WhenIdle, || runs(false));
}

#[test]
fn an_aborted_pool_that_is_started_again_begins_clean() {
    explore(Time::AtAnyMoment, || runs(false));
}

#[test]
fn a_failed_pool_that_is_started_again_begins_clean() {
    explore(Time::AtAnyMoment, || runs(true));
}
