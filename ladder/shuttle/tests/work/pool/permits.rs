//! A full queue.

use std::sync::Arc;

use tokio::sync::Semaphore;
use upbeat::{BoxError, Context};
use upbeat_work::{
    Pool,
    pool::{TrySubmitError, Worker},
};

use super::log::{JobLog, chance, drain};
use crate::explore::{Time, explore, pause, settle};

#[test]
fn the_bound_is_exact_and_a_free_permit_is_used_at_once() {
    explore(Time::WhenIdle, || async {
        const QUEUE: u64 = 3;
        const JOBS: u64 = 15;
        let open = Arc::new(Semaphore::new(0));
        let gate = open.clone();
        let make = move |_: Worker| std::future::ready(Ok::<_, BoxError>(gate.clone()));
        // After some cheap jobs the worker takes several at once, so that one begins while others
        // are in its local queue.
        let pass = async |open: &mut Arc<Semaphore>, waits: bool| {
            if waits {
                open.acquire().await.unwrap().forget();
            }
        };
        let pool = Pool::builder("gate").workers(1).queue_capacity(3).build(make, pass);
        pool.start(&Context::background()).unwrap();
        let submitters: Vec<_> = (0..3)
            .map(|_| {
                let pool = pool.clone();
                tokio::spawn(async move {
                    for waits in [false, false, false, false, true] {
                        pool.submit(waits).await.unwrap().detach();
                    }
                })
            })
            .collect();
        for _ in 0..3 {
            settle().await;
            // One job is running, and waits.
            let counts = pool.counts();
            let begun = counts.finished + 1;
            assert_eq!(counts.accepted, JOBS.min(begun + QUEUE), "{counts:?}");
            assert_eq!(counts.queued as u64, counts.accepted - begun, "{counts:?}");
            if counts.accepted < JOBS {
                let full = pool.try_submit(false);
                assert!(matches!(full, Err(TrySubmitError::Busy(false))), "{full:?}");
            }
            open.add_permits(1);
        }
        for submitter in submitters {
            submitter.await.unwrap();
        }
        settle().await;
        assert_eq!(pool.counts().finished, JOBS);
    });
}

#[test]
fn a_submission_that_stops_waiting_keeps_no_permit() {
    explore(Time::WhenIdle, || async {
        let log = JobLog::default();
        let pool = log.playing(Pool::builder("pool").workers(1).queue_capacity(1));
        let submitters: Vec<_> = (0..4)
            .map(|submitter| {
                let (pool, log) = (pool.clone(), log.clone());
                tokio::spawn(async move {
                    for id in submitter * 10..submitter * 10 + 2 {
                        let waits = chance();
                        tokio::select! {
                            biased;
                            ticket = pool.submit(log.job(id)) => ticket.unwrap().detach(),
                            () = async {
                                pause(2).await;
                                if waits {
                                    std::future::pending::<()>().await;
                                }
                            } => {}
                        }
                    }
                })
            })
            .collect();
        for submitter in submitters {
            submitter.await.unwrap();
        }
        // The one permit is free, or its job is queued and will begin. No submission waits.
        pool.submit(log.job(100)).await.unwrap().await.unwrap();
        assert_eq!(drain(&pool).await.counts.queued, 0);
        assert_eq!(log.begun(), log.done());
        log.check();
    });
}
