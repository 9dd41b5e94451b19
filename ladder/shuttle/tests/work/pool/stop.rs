//! The end of a pool: drained, or cut and named.

use std::collections::BTreeSet;

use tokio::{task::JoinHandle, time::Instant};
use upbeat::Context;
use upbeat_work::{Pool, pool::JobError};

use super::jobs::{Books, Job, adds_up, drain};
use crate::explore::{MS, Time, explore, pause, settle};

/// What a submitter was told: which jobs were accepted, and which of them were lost.
#[derive(Default)]
struct Told {
    accepted: BTreeSet<u32>,
    lost: BTreeSet<u32>,
    lost_before_they_began: BTreeSet<u32>,
}

async fn submit(pool: Pool<Job, u32>, books: Books, ids: std::ops::Range<u32>) -> Told {
    let (mut told, mut tickets) = (Told::default(), Vec::new());
    for id in ids {
        match pool.submit(books.job(id)).await {
            Ok(ticket) => tickets.push((id, ticket)),
            Err(_) => break,
        }
        pause(1).await;
    }
    for (id, ticket) in tickets {
        told.accepted.insert(id);
        match ticket.await {
            Ok(reply) => assert_eq!(reply, id),
            Err(JobError::Lost { begun }) => {
                told.lost.insert(id);
                if !begun {
                    told.lost_before_they_began.insert(id);
                }
            }
            Err(error) => panic!("{error}"),
        }
    }
    told
}

async fn told_by(submitters: Vec<JoinHandle<Told>>) -> Told {
    let mut all = Told::default();
    for submitter in submitters {
        let mut told = submitter.await.unwrap();
        all.accepted.append(&mut told.accepted);
        all.lost.append(&mut told.lost);
        all.lost_before_they_began.append(&mut told.lost_before_they_began);
    }
    all
}

fn submitters(pool: &Pool<Job, u32>, books: &Books) -> Vec<JoinHandle<Told>> {
    (0..3).map(|at| tokio::spawn(submit(pool.clone(), books.clone(), at * 10..at * 10 + 3))).collect()
}

#[test]
fn a_shutdown_at_any_moment_finishes_what_was_accepted() {
    explore(Time::WhenIdle, || async {
        let books = Books::default();
        let pool = books.playing(Pool::builder("pool").workers(2).queue(2));
        let submitting = submitters(&pool, &books);
        pause(10).await;
        let drained = drain(&pool).await;
        let told = told_by(submitting).await;
        assert!(told.lost.is_empty(), "{drained}");
        assert_eq!(told.accepted, books.done(), "{drained}");
        assert_eq!(drained.counts.accepted, told.accepted.len() as u64, "{drained}");
        books.are_right();
    });
}

#[test]
fn what_a_deadline_cuts_is_named_counted_and_told_to_its_ticket() {
    explore(Time::AtAnyMoment, || async {
        let books = Books::default();
        let pool = books.playing(Pool::builder("pool").workers(2).queue(3));
        let submitting = submitters(&pool, &books);
        pause(6).await;
        let drained = pool.shutdown(Instant::now() + MS).await;
        let told = told_by(submitting).await;
        adds_up(&drained.counts);
        let numbers: BTreeSet<u64> = drained.lost.iter().map(|lost| lost.number).collect();
        assert_eq!((numbers.len(), told.lost.len()), (drained.lost.len(), drained.lost.len()), "{:?}", drained.lost);
        for lost in &drained.lost {
            match &lost.name {
                Some(name) => assert!(told.lost.contains(&name.parse().unwrap()), "{lost}"),
                None => assert!(lost.begun.is_some(), "{lost}"),
            }
        }
        let not_begun = drained.lost.iter().filter(|lost| lost.begun.is_none()).count();
        assert_eq!(not_begun, told.lost_before_they_began.len(), "{drained}");
        settle().await;
        assert!(told.lost_before_they_began.is_disjoint(&books.begun()), "{books:?}");
        let (counts, before) = (pool.counts(), drained.counts);
        assert_eq!((counts.finished, counts.lost), (before.finished, before.lost), "it went on after its end");
        books.are_right();
    });
}

#[test]
fn only_the_job_that_never_ends_is_cut_and_at_the_deadline() {
    explore(Time::WhenIdle, || async {
        let books = Books::default();
        let pool = books.playing(Pool::builder("pool").workers(2).queue(3));
        let mut tickets = Vec::new();
        for id in 0..6 {
            let job = if id == 2 { books.endless_job(id) } else { books.job(id) };
            tickets.push(pool.submit(job).await.unwrap());
        }
        let begun = Instant::now();
        let drained = pool.shutdown(begun + MS).await;
        assert_eq!(begun.elapsed(), MS, "{drained}");
        // What was taken together with it is done by the other worker.
        let lost: Vec<_> = drained.lost.iter().map(|lost| (lost.name.as_deref(), lost.begun.is_some())).collect();
        assert_eq!(lost, [(Some("2"), true)], "{drained}");
        for (id, ticket) in (0..).zip(tickets) {
            match ticket.await {
                Ok(reply) => assert!(id != 2 && reply == id),
                Err(error) => assert!(id == 2 && error.is_lost(), "{error}"),
            }
        }
        settle().await;
        adds_up(&pool.counts());
        books.are_right();
    });
}

/// Lives one after the other, of which each ends while others still submit. In all but the last, workers may fail.
async fn lives(flaky: bool) {
    let books = Books::default();
    let pool = books.pool(Pool::builder("pool").workers(3).queue(3).attempts(1));
    books.are_flaky(flaky);
    let mut before = Vec::new();
    for life in 1..=3 {
        pool.start(&Context::background()).unwrap();
        before.push(tokio::spawn(submit(pool.clone(), books.clone(), life * 10..life * 10 + 3)));
        pause(6).await;
        pool.shutdown(Instant::now() + MS).await;
    }
    books.are_flaky(false);
    pool.start(&Context::background()).unwrap();
    let last = submit(pool.clone(), books.clone(), 100..104).await;
    assert!(last.accepted.len() == 4 && last.lost.is_empty(), "it was ended by what is left of an earlier life");
    let before = told_by(before).await;
    settle().await;
    let done = drain(&pool).await.counts.finished;
    // Who was still submitting may have got into the last life.
    assert!(done >= 4 && done <= 4 + before.accepted.len() as u64, "{done}");
    books.are_right();
}

#[test]
fn a_pool_that_is_drained_and_started_again_begins_clean() {
    explore(Time::WhenIdle, || lives(false));
}

#[test]
fn a_pool_that_is_cut_and_started_again_begins_clean() {
    explore(Time::AtAnyMoment, || lives(false));
}

#[test]
fn a_pool_that_has_failed_and_is_started_again_begins_clean() {
    explore(Time::AtAnyMoment, || lives(true));
}
