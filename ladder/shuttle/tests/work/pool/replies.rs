//! Tickets and their replies.

use tokio::time::Instant;
use upbeat::{BoxError, Context};
use upbeat_work::{
    Pool,
    pool::{JobError, Worker},
};

use super::log::{JobLog, State, assert_adds_up, chance, drain, work};
use crate::explore::{MS, Time, explore, pause, settle};

#[test]
fn each_ticket_returns_the_reply_to_its_own_job() {
    explore(Time::WhenIdle, || async {
        let log = JobLog::default();
        let pool = log.playing(Pool::builder("pool").workers(2).queue_capacity(2));
        let submitters: Vec<_> = (0..3)
            .map(|submitter| {
                let (pool, log) = (pool.clone(), log.clone());
                tokio::spawn(async move {
                    let mut tickets = Vec::new();
                    for id in submitter * 10..submitter * 10 + 3 {
                        let ticket = pool.submit(log.job(id)).await.unwrap();
                        if chance() {
                            tickets.push((id, ticket));
                        } else {
                            assert_eq!(ticket.await.unwrap(), id);
                        }
                    }
                    for (id, ticket) in tickets {
                        assert_eq!(ticket.await.unwrap(), id);
                    }
                })
            })
            .collect();
        for submitter in submitters {
            submitter.await.unwrap();
        }
        assert_eq!(drain(&pool).await.counts.finished, 9);
        log.check();
    });
}

#[test]
fn a_panic_affects_one_job_and_its_worker_builds_a_new_state() {
    explore(Time::WhenIdle, || async {
        let log = JobLog::default();
        let pool = log.playing(Pool::builder("pool").workers(2).queue_capacity(4));
        let submitters: Vec<_> = (0..2)
            .map(|submitter| {
                let (pool, log) = (pool.clone(), log.clone());
                tokio::spawn(async move {
                    let mut tickets = Vec::new();
                    for id in submitter * 10..submitter * 10 + 4 {
                        let job = if id % 2 == 0 { log.panicking_job(id) } else { log.job(id) };
                        tickets.push((id, pool.submit(job).await.unwrap()));
                    }
                    for (id, ticket) in tickets {
                        match ticket.await {
                            Ok(reply) => assert!(id % 2 == 1 && reply == id),
                            Err(error) => assert!(id % 2 == 0 && error.is_panic(), "{error}"),
                        }
                    }
                })
            })
            .collect();
        for submitter in submitters {
            submitter.await.unwrap();
        }
        let drained = drain(&pool).await;
        assert_eq!((drained.counts.finished, drained.counts.panicked), (4, 4), "{drained}");
        log.check();
    });
}

#[test]
fn a_pool_without_worker_states_completes_all_tickets() {
    explore(Time::WhenIdle, || async {
        let log = JobLog::default();
        let states = log.clone();
        let make = move |worker: Worker| {
            let state = (worker.number() == 0 && chance()).then(|| State::new(&states));
            async move {
                pause(1).await;
                state.ok_or(BoxError::from("no route"))
            }
        };
        let pool = Pool::builder("flaky")
            .workers(2)
            .queue_capacity(2)
            .max_attempts(if chance() { 1 } else { 2 })
            .build(make, work);
        pool.start(&Context::background()).unwrap();
        let submitter = {
            let (pool, log) = (pool.clone(), log.clone());
            tokio::spawn(async move {
                let mut tickets = Vec::new();
                for id in 0..4 {
                    let Ok(ticket) = pool.submit(log.job(id)).await else { break };
                    tickets.push((id, ticket));
                }
                for (id, ticket) in tickets {
                    match ticket.await {
                        Ok(reply) => assert_eq!(reply, id),
                        Err(JobError::Lost { begun }) => {
                            assert!(!begun);
                            assert!(pool.counts().lost > 0, "a loss was returned before it was counted");
                        }
                        Err(error) => panic!("{error}"),
                    }
                }
            })
        };
        pause(12).await;
        // Workers that fail may be aborting the pool at that moment.
        let drained = pool.shutdown(Instant::now() + MS).await;
        assert_adds_up(&drained.counts);
        assert_eq!(drained.lost.len() as u64, drained.counts.lost, "{drained}");
        submitter.await.unwrap();
        settle().await;
        assert_eq!(drained.counts.finished, log.done().len() as u64, "{drained}");
        log.check();
    });
}

#[test]
fn accepted_jobs_finish_after_the_last_handle_is_dropped() {
    explore(Time::WhenIdle, || async {
        let log = JobLog::default();
        let pool = log.playing(Pool::builder("pool").workers(2).queue_capacity(4));
        let mut tickets = Vec::new();
        for id in 0..4 {
            let ticket = pool.submit(log.job(id)).await.unwrap();
            if id == 3 { ticket.detach() } else { tickets.push(ticket) }
        }
        drop(pool);
        for (id, ticket) in (0..).zip(tickets) {
            assert_eq!(ticket.await.unwrap(), id);
        }
        settle().await;
        assert_eq!(log.done().len(), 4, "{log:?}");
        log.check();
    });
}
