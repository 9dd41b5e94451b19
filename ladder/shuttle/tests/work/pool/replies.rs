//! Tickets and their replies.

use tokio::time::Instant;
use upbeat::{BoxError, Context};
use upbeat_work::{
    Pool,
    pool::{JobError, Worker},
};

use super::jobs::{Books, State, adds_up, chance, drain, work};
use crate::explore::{MS, Time, explore, pause, settle};

#[test]
fn every_ticket_is_answered_with_the_reply_to_its_own_job() {
    explore(Time::WhenIdle, || async {
        let books = Books::default();
        let pool = books.playing(Pool::builder("pool").workers(2).queue(2));
        let submitters: Vec<_> = (0..3)
            .map(|submitter| {
                let (pool, books) = (pool.clone(), books.clone());
                tokio::spawn(async move {
                    let mut tickets = Vec::new();
                    for id in submitter * 10..submitter * 10 + 3 {
                        let ticket = pool.submit(books.job(id)).await.unwrap();
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
        books.are_right();
    });
}

#[test]
fn a_panic_is_its_jobs_own_and_its_worker_goes_on_with_a_new_state() {
    explore(Time::WhenIdle, || async {
        let books = Books::default();
        let pool = books.playing(Pool::builder("pool").workers(2).queue(4));
        let submitters: Vec<_> = (0..2)
            .map(|submitter| {
                let (pool, books) = (pool.clone(), books.clone());
                tokio::spawn(async move {
                    let mut tickets = Vec::new();
                    for id in submitter * 10..submitter * 10 + 4 {
                        let job = if id % 2 == 0 { books.panicking_job(id) } else { books.job(id) };
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
        books.are_right();
    });
}

#[test]
fn a_pool_whose_states_cannot_be_built_answers_everybody() {
    explore(Time::WhenIdle, || async {
        let books = Books::default();
        let states = books.clone();
        let make = move |worker: Worker| {
            let state = (worker.number() == 0 && chance()).then(|| State::new(&states));
            async move {
                pause(1).await;
                state.ok_or(BoxError::from("no route"))
            }
        };
        let pool = Pool::builder("flaky").workers(2).queue(2).attempts(if chance() { 1 } else { 2 }).build(make, work);
        pool.start(&Context::background()).unwrap();
        let submitter = {
            let (pool, books) = (pool.clone(), books.clone());
            tokio::spawn(async move {
                let mut tickets = Vec::new();
                for id in 0..4 {
                    let Ok(ticket) = pool.submit(books.job(id)).await else { break };
                    tickets.push((id, ticket));
                }
                for (id, ticket) in tickets {
                    match ticket.await {
                        Ok(reply) => assert_eq!(reply, id),
                        Err(JobError::Lost { begun }) => {
                            assert!(!begun);
                            assert!(pool.counts().lost > 0, "a loss was told before it was counted");
                        }
                        Err(error) => panic!("{error}"),
                    }
                }
            })
        };
        pause(12).await;
        // Workers that give up may be at ending it all just then.
        let drained = pool.shutdown(Instant::now() + MS).await;
        adds_up(&drained.counts);
        assert_eq!(drained.lost.len() as u64, drained.counts.lost, "{drained}");
        submitter.await.unwrap();
        settle().await;
        assert_eq!(drained.counts.finished, books.done().len() as u64, "{drained}");
        books.are_right();
    });
}

#[test]
fn the_last_handle_goes_and_what_was_accepted_is_still_done() {
    explore(Time::WhenIdle, || async {
        let books = Books::default();
        let pool = books.playing(Pool::builder("pool").workers(2).queue(4));
        let mut tickets = Vec::new();
        for id in 0..4 {
            let ticket = pool.submit(books.job(id)).await.unwrap();
            if id == 3 { ticket.detach() } else { tickets.push(ticket) }
        }
        drop(pool);
        for (id, ticket) in (0..).zip(tickets) {
            assert_eq!(ticket.await.unwrap(), id);
        }
        settle().await;
        assert_eq!(books.done().len(), 4, "{books:?}");
        books.are_right();
    });
}
