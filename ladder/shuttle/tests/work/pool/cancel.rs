//! Cancelled tickets.

use upbeat_work::Pool;

use super::log::{JobLog, chance, drain};
use crate::explore::{Time, explore, pause};

#[test]
fn a_cancelled_job_never_begins_and_its_permit_is_free_at_once() {
    explore(Time::WhenIdle, || async {
        let log = JobLog::default();
        let pool = log.playing(Pool::builder("pool").workers(2).queue_capacity(2));
        let submitters: Vec<_> = (0..3)
            .map(|submitter| {
                let (pool, log) = (pool.clone(), log.clone());
                tokio::spawn(async move {
                    for id in submitter * 10..submitter * 10 + 3 {
                        let ticket = pool.submit(log.job(id)).await.unwrap();
                        pause(2).await;
                        if chance() {
                            let before = log.begun().contains(&id);
                            let cancelled = ticket.cancel();
                            let begun = log.begun().contains(&id);
                            assert!(!(cancelled && begun), "job {id} was cancelled, and began");
                            assert!(!(before && cancelled), "job {id} had begun, and was cancelled");
                        } else {
                            assert_eq!(ticket.await.unwrap(), id);
                        }
                    }
                })
            })
            .collect();
        for submitter in submitters {
            submitter.await.unwrap();
        }
        let drained = drain(&pool).await;
        // Jobs that began ran to their end, and the others were cancelled. No job is both.
        assert_eq!(drained.counts.finished, log.begun().len() as u64, "{drained}");
        assert_eq!(drained.counts.cancelled, 9 - log.begun().len() as u64, "{drained}");
        assert_eq!(log.begun(), log.done());
        log.check();
    });
}

#[test]
fn cancelled_jobs_free_their_permits_without_a_worker() {
    explore(Time::WhenIdle, || async {
        let log = JobLog::default();
        // The pool is not started, so only a cancel frees a permit.
        let pool = log.pool(Pool::builder("pool").workers(1).queue_capacity(1));
        let held = pool.submit(log.job(0)).await.unwrap();
        let waiting: Vec<_> = (1..4)
            .map(|id| {
                let (pool, log) = (pool.clone(), log.clone());
                tokio::spawn(async move { assert!(pool.submit(log.job(id)).await.unwrap().cancel()) })
            })
            .collect();
        pause(4).await;
        drop(held);
        for waiting in waiting {
            waiting.await.unwrap();
        }
        let counts = pool.counts();
        assert_eq!((counts.accepted, counts.cancelled, counts.queued), (4, 4, 0), "{counts:?}");
        log.check();
    });
}
