//! A full queue.

use std::sync::Arc;

use tokio::sync::Semaphore;
use upbeat::{BoxError, Context};
use upbeat_work::{
    Pool,
    pool::{TrySubmitError, Worker},
};

use super::jobs::{Books, chance, drain};
use crate::{
    explore::{Time, explore, settle},
    players::pause,
};

#[test]
fn no_more_is_accepted_than_there_is_room_for_and_room_that_comes_is_used() {
    explore(Time::WhenIdle, || async {
        const QUEUE: usize = 2;
        let open = Arc::new(Semaphore::new(0));
        let gate = open.clone();
        let make = move |_: Worker| std::future::ready(Ok::<_, BoxError>(gate.clone()));
        let pass = async |open: &mut Arc<Semaphore>, (): ()| open.acquire().await.unwrap().forget();
        let pool = Pool::builder("gate").workers(1).queue(QUEUE).build(make, pass);
        pool.start(&Context::background()).unwrap();
        let submitters: Vec<_> = (0..3)
            .map(|_| {
                let pool = pool.clone();
                tokio::spawn(async move {
                    for _ in 0..2 {
                        pool.submit(()).await.unwrap().detach();
                    }
                })
            })
            .collect();
        // One is under way and two are in the queue, and then one more for each that ends.
        for ended in 0..4 {
            settle().await;
            let counts = pool.counts();
            assert_eq!(counts.accepted, 3 + ended, "{counts:?}");
            assert_eq!((counts.queued, counts.finished), (QUEUE, ended), "{counts:?}");
            let full = pool.try_submit(());
            assert!(matches!(full, Err(TrySubmitError::Busy(()))), "{full:?}");
            open.add_permits(1);
        }
        open.add_permits(2);
        for submitter in submitters {
            submitter.await.unwrap();
        }
        settle().await;
        assert_eq!(pool.counts().finished, 6);
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
