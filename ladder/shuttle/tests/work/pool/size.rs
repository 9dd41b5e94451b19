//! Elastic pools.

use std::sync::Arc;

use tokio::{sync::Semaphore, time::sleep};
use upbeat::{BoxError, Context};
use upbeat_work::{Pool, pool::Worker};

use super::jobs::{Books, chance, drain};
use crate::explore::{MS, Time, explore, settle};

#[test]
fn workers_come_and_go_at_any_moment_and_no_job_is_lost() {
    explore(Time::AtAnyMoment, || async {
        let books = Books::default();
        let builder = Pool::builder("pool").elastic(1..=3).queue(2).grow_after(MS).idle_after(3600 * 1000 * MS);
        let pool = books.playing(builder);
        let submitters: Vec<_> = (0..3)
            .map(|submitter| {
                let (pool, books) = (pool.clone(), books.clone());
                tokio::spawn(async move {
                    for id in submitter * 10..submitter * 10 + 3 {
                        let ticket = pool.submit(books.job(id)).await.unwrap();
                        if chance() {
                            // Long enough for some workers to leave.
                            sleep(2 * 3600 * 1000 * MS).await;
                        }
                        assert_eq!(ticket.await.unwrap(), id);
                    }
                })
            })
            .collect();
        for submitter in submitters {
            submitter.await.unwrap();
        }
        settle().await;
        assert_eq!((pool.counts().workers, books.states()), (1, 1), "workers that nobody needs stay");
        assert_eq!(drain(&pool).await.counts.finished, 9);
        books.are_right();
    });
}

#[test]
fn jobs_that_wait_get_as_many_workers_as_there_may_be() {
    explore(Time::WhenIdle, || async {
        let open = Arc::new(Semaphore::new(0));
        let gate = open.clone();
        let make = move |_: Worker| std::future::ready(Ok::<_, BoxError>(gate.clone()));
        let pass = async |open: &mut Arc<Semaphore>, (): ()| open.acquire().await.unwrap().forget();
        let builder = Pool::builder("gate").elastic(1..=3).queue(8).grow_after(MS);
        let pool = builder.idle_after(100 * 3600 * 1000 * MS).build(make, pass);
        pool.start(&Context::background()).unwrap();
        let submitters: Vec<_> = (0..2)
            .map(|_| {
                let pool = pool.clone();
                tokio::spawn(async move {
                    for _ in 0..2 {
                        pool.submit(()).await.unwrap().detach();
                    }
                })
            })
            .collect();
        for submitter in submitters {
            submitter.await.unwrap();
        }
        settle().await;
        let counts = pool.counts();
        assert_eq!((counts.workers, counts.queued), (3, 1), "{counts:?}");
        open.add_permits(4);
        settle().await;
        assert_eq!(pool.counts().finished, 4);
    });
}
