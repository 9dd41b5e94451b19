//! A full queue.

use std::sync::Arc;

use tokio::sync::Semaphore;
use upbeat::{BoxError, Context};
use upbeat_work::{
    Pool,
    pool::{TrySubmitError, Worker},
};

use super::jobs::{Books, chance, drain};
use crate::explore::{Time, explore, pause, settle};

#[test]
fn no_more_is_accepted_than_there_is_room_for_and_room_is_used_the_moment_it_comes() {
    explore(Time::WhenIdle, || async {
        const QUEUE: u64 = 3;
        const JOBS: u64 = 15;
        let open = Arc::new(Semaphore::new(0));
        let gate = open.clone();
        let make = move |_: Worker| std::future::ready(Ok::<_, BoxError>(gate.clone()));
        // Those that are over at once teach the worker to take several, so that one of them begins while others are in its hand.
        let pass = async |open: &mut Arc<Semaphore>, waits: bool| {
            if waits {
                open.acquire().await.unwrap().forget();
            }
        };
        let pool = Pool::builder("gate").workers(1).queue(3).build(make, pass);
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
            // One is under way, and waits.
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
fn who_gives_up_waiting_for_room_takes_none_along() {
    explore(Time::WhenIdle, || async {
        let books = Books::default();
        let pool = books.playing(Pool::builder("pool").workers(1).queue(1));
        let submitters: Vec<_> = (0..4)
            .map(|submitter| {
                let (pool, books) = (pool.clone(), books.clone());
                tokio::spawn(async move {
                    for id in submitter * 10..submitter * 10 + 2 {
                        let patient = chance();
                        tokio::select! {
                            biased;
                            ticket = pool.submit(books.job(id)) => ticket.unwrap().detach(),
                            () = async {
                                pause(2).await;
                                if patient {
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
        // There is room for one again: it is begun, or it waits in the queue, but nobody waits for room.
        pool.submit(books.job(100)).await.unwrap().await.unwrap();
        assert_eq!(drain(&pool).await.counts.queued, 0);
        assert_eq!(books.begun(), books.done());
        books.are_right();
    });
}
