//! Elastic pools.

use std::sync::Arc;

use tokio::{sync::Semaphore, time::sleep};
use upbeat::{BoxError, Context};
use upbeat_work::{Pool, pool::Worker};

use super::log::{JobLog, chance, drain};
use crate::explore::{MS, Time, explore, settle};

#[test]
fn no_job_is_lost_while_workers_are_added_and_leave() {
    explore(Time::AtAnyMoment, || async {
        let log = JobLog::default();
        let builder =
            Pool::builder("pool").elastic(1..=3).queue_capacity(2).grow_after(MS).idle_timeout(3600 * 1000 * MS);
        let pool = log.playing(builder);
        let submitters: Vec<_> = (0..3)
            .map(|submitter| {
                let (pool, log) = (pool.clone(), log.clone());
                tokio::spawn(async move {
                    for id in submitter * 10..submitter * 10 + 3 {
                        let ticket = pool.submit(log.job(id)).await.unwrap();
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
        assert_eq!((pool.counts().workers, log.states()), (1, 1), "spare workers stay");
        assert_eq!(drain(&pool).await.counts.finished, 9);
        log.check();
    });
}

#[test]
fn waiting_jobs_get_the_largest_number_of_workers() {
    explore(Time::WhenIdle, || async {
        let open = Arc::new(Semaphore::new(0));
        let gate = open.clone();
        let make = move |_: Worker| std::future::ready(Ok::<_, BoxError>(gate.clone()));
        let pass = async |open: &mut Arc<Semaphore>, (): ()| open.acquire().await.unwrap().forget();
        let builder = Pool::builder("gate").elastic(1..=3).queue_capacity(8).grow_after(MS);
        let pool = builder.idle_timeout(100 * 3600 * 1000 * MS).build(make, pass);
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
