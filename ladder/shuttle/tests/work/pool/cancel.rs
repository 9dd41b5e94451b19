//! Tickets that are given up.

use upbeat_work::Pool;

use super::jobs::{Books, chance, drain};
use crate::explore::{Time, explore, pause};

#[test]
fn a_cancelled_job_never_begins_and_its_place_is_free_at_once() {
    explore(Time::WhenIdle, || async {
        let books = Books::default();
        let pool = books.playing(Pool::builder("pool").workers(2).queue(2));
        let submitters: Vec<_> = (0..3)
            .map(|submitter| {
                let (pool, books) = (pool.clone(), books.clone());
                tokio::spawn(async move {
                    for id in submitter * 10..submitter * 10 + 3 {
                        let ticket = pool.submit(books.job(id)).await.unwrap();
                        pause(2).await;
                        if chance() {
                            let before = books.begun().contains(&id);
                            let cancelled = ticket.cancel();
                            let begun = books.begun().contains(&id);
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
        // What began ran to its end, and the others were cancelled: no job is both.
        assert_eq!(drained.counts.finished, books.begun().len() as u64, "{drained}");
        assert_eq!(drained.counts.cancelled, 9 - books.begun().len() as u64, "{drained}");
        assert_eq!(books.begun(), books.done());
        books.are_right();
    });
}

#[test]
fn cancelled_jobs_leave_room_though_no_worker_comes_by() {
    explore(Time::WhenIdle, || async {
        let books = Books::default();
        // Nobody has started it, so only a cancel makes room.
        let pool = books.pool(Pool::builder("pool").workers(1).queue(1));
        let held = pool.submit(books.job(0)).await.unwrap();
        let waiting: Vec<_> = (1..4)
            .map(|id| {
                let (pool, books) = (pool.clone(), books.clone());
                tokio::spawn(async move { assert!(pool.submit(books.job(id)).await.unwrap().cancel()) })
            })
            .collect();
        pause(4).await;
        drop(held);
        for waiting in waiting {
            waiting.await.unwrap();
        }
        let counts = pool.counts();
        assert_eq!((counts.accepted, counts.cancelled, counts.queued), (4, 4, 0), "{counts:?}");
        books.are_right();
    });
}
