//! Batches, and jobs that send several results.

use std::collections::BTreeSet;

use tokio::time::Instant;
use upbeat::{BoxError, Context};
use upbeat_work::{Pool, pool::Emitter};

use super::log::{JobLog, drain};
use crate::explore::{MS, Time, explore, pause};

/// More than the queue holds, so that several batches are in flight.
const JOBS: u32 = 9;

#[test]
fn all_results_of_a_batch_come_in_the_order_of_the_jobs() {
    explore(Time::WhenIdle, || async {
        let log = JobLog::default();
        let pool = log.playing(Pool::builder("pool").workers(2).queue_capacity(3));
        let other = {
            let (pool, log) = (pool.clone(), log.clone());
            tokio::spawn(async move {
                for id in 100..103 {
                    assert_eq!(pool.submit(log.job(id)).await.unwrap().await.unwrap(), id);
                }
            })
        };
        let jobs = (0..JOBS).map(|id| if id == 4 { log.panicking_job(id) } else { log.job(id) });
        let mut results = pool.submit_all(jobs);
        let mut next = 0;
        while let Some(result) = results.next().await {
            match result {
                Ok(id) => assert_eq!(id, next),
                Err(error) => assert!(next == 4 && error.is_panic(), "{error}"),
            }
            next += 1;
        }
        assert_eq!(next, JOBS);
        other.await.unwrap();
        drop(results);
        drain(&pool).await;
        log.check();
    });
}

#[test]
fn all_results_of_an_unordered_batch_come_once_with_the_right_position() {
    explore(Time::WhenIdle, || async {
        let log = JobLog::default();
        let pool = log.playing(Pool::builder("pool").workers(3).queue_capacity(4));
        let mut results = pool.submit_all_unordered((0..JOBS).map(|id| log.job(id)));
        let mut seen = BTreeSet::new();
        while let Some((at, result)) = results.next().await {
            assert_eq!(at, result.unwrap() as usize);
            assert!(seen.insert(at), "{at} twice");
        }
        assert_eq!(seen.len(), JOBS as usize);
        drop(results);
        drain(&pool).await;
        log.check();
    });
}

#[test]
fn a_dropped_batch_cancels_jobs_that_have_not_begun() {
    explore(Time::WhenIdle, || async {
        let log = JobLog::default();
        let pool = log.playing(Pool::builder("pool").workers(2).queue_capacity(3));
        let readers: Vec<_> = (0..2)
            .map(|reader| {
                let (pool, log) = (pool.clone(), log.clone());
                tokio::spawn(async move {
                    let first = reader * 100;
                    let mut results = pool.submit_all((first..first + JOBS).map(|id| log.job(id)));
                    for id in first..first + 3 {
                        assert_eq!(results.next().await.unwrap().unwrap(), id);
                    }
                })
            })
            .collect();
        for reader in readers {
            reader.await.unwrap();
        }
        let drained = drain(&pool).await;
        assert_eq!(drained.counts.finished, log.begun().len() as u64, "{drained}");
        assert_eq!(log.begun(), log.done());
        log.check();
    });
}

#[test]
fn a_batch_whose_pool_closes_ends_with_one_refusal() {
    explore(Time::WhenIdle, || async {
        let log = JobLog::default();
        let pool = log.playing(Pool::builder("pool").workers(2).queue_capacity(2));
        let reader = {
            let (pool, log) = (pool.clone(), log.clone());
            tokio::spawn(async move {
                let mut results = pool.submit_all((0..JOBS).map(|id| log.job(id)));
                let mut read = 0;
                while let Some(result) = results.next().await {
                    if let Ok(id) = result {
                        assert_eq!(id, read);
                        read += 1;
                        continue;
                    }
                    assert!(results.next().await.is_none(), "an item follows a refusal");
                    return (read, true);
                }
                (read, false)
            })
        };
        pause(8).await;
        let drained = drain(&pool).await;
        let (read, refused) = reader.await.unwrap();
        assert!(refused || read == JOBS, "{read} results and no refusal: {drained}");
        assert_eq!(drained.counts.finished, u64::from(read), "{drained}");
        assert_eq!(pool.counts().queued, 0, "a refused submission keeps its permits");
        log.check();
    });
}

#[test]
fn results_of_a_job_arrive_in_order_before_its_end() {
    explore(Time::WhenIdle, || async {
        let work = async |(): &mut (), sent: Emitter<u32>| {
            let mut n = 0;
            while n < 4 && sent.send(n).await.is_ok() {
                n += 1;
                pause(1).await;
            }
            n
        };
        let pool = Pool::builder("streams").workers(2).queue_capacity(2).build(async |_| Ok::<_, BoxError>(()), work);
        pool.start(&Context::background()).unwrap();
        let dropping = {
            let pool = pool.clone();
            tokio::spawn(async move {
                let mut sent = pool.submit_stream(1, |sent| sent).await.unwrap();
                assert_eq!(sent.next().await.unwrap().unwrap(), 0);
            })
        };
        let mut sent = pool.submit_stream(1, |sent| sent).await.unwrap();
        for n in 0..4 {
            assert_eq!(sent.next().await.unwrap().unwrap(), n);
        }
        assert!(sent.next().await.is_none());
        assert_eq!(sent.into_reply(), Some(4));
        dropping.await.unwrap();
        // The job whose stream was dropped ends too.
        let drained = pool.shutdown(Instant::now() + MS).await;
        assert_eq!((drained.counts.finished, drained.counts.lost), (2, 0), "{drained}");
    });
}
