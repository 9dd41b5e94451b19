//! Pools as players: ready, drained, aborted. Failing states, and elastic pools.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::{Instant, sleep};
use upbeat::{BoxError, Conductor, Context, Part, exit_code, report::Outcome};
use upbeat_work::{
    Pool,
    pool::{JobError, Worker},
};

const S: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

async fn nothing(_: Worker) -> Result<(), BoxError> {
    Ok(())
}

async fn nap((): &mut (), nap: Duration) {
    sleep(nap).await;
}

#[tokio::test(start_paused = true)]
async fn as_a_player_a_pool_finishes_accepted_jobs() {
    let pool = Pool::builder("naps").workers(4).queue_capacity(1000).build(nothing, nap);
    let shop = Conductor::new("shop").part(Part::new("naps", pool.clone())).stop_timeout(60 * S);
    let tickets: Vec<_> = (0..100).map(|_| pool.try_submit(S).unwrap()).collect();
    let refused = pool.clone();
    let report = shop.play_until(sleep(S)).await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.player("shop/naps").unwrap().notes, ["100 finished, 0 lost"]);
    for ticket in tickets {
        ticket.await.unwrap();
    }
    assert_eq!(refused.submit(S).await.unwrap_err().0, S, "the job comes back");
}

#[tokio::test(start_paused = true)]
async fn jobs_lost_at_the_deadline_are_counted_and_named() {
    let builder =
        Pool::builder("naps").workers(2).queue_capacity(100).name_jobs(|nap: &Duration| format!("a nap of {nap:?}"));
    let pool = builder.build(nothing, nap);
    let tickets: Vec<_> = (0..20).map(|_| pool.try_submit(S).unwrap()).collect();
    let shop = Conductor::new("shop").part(Part::new("naps", pool.clone())).stop_timeout(3 * S);
    let report = shop.play_until(sleep(500 * MS)).await;
    // It has 3 s less 100 ms, and has run for half a second before.
    let naps = report.player("shop/naps").unwrap();
    assert_eq!(naps.notes, ["6 finished, 14 lost"]);
    assert_eq!(naps.lost.len(), 14);
    assert_eq!(naps.lost[0], "job 6 (a nap of 1s), running for 0.4 s");
    assert_eq!(naps.lost[2], "job 8 (a nap of 1s), not begun");
    assert_eq!(report.exit_code(), exit_code::OVERRAN);
    for (at, ticket) in tickets.into_iter().enumerate() {
        match ticket.await {
            Ok(()) => assert!(at < 6),
            Err(JobError::Lost { begun }) => assert_eq!(begun, at < 8),
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(pool.counts().workers, 0);
}

#[tokio::test(start_paused = true)]
async fn without_a_conductor_shutdown_drains_and_aborts() {
    let pool = Pool::builder("naps").workers(1).queue_capacity(8).build(nothing, nap);
    pool.start(&Context::background()).unwrap();
    assert!(pool.start(&Context::background()).is_err(), "it is started");
    let tickets: Vec<_> = (0..4).map(|_| pool.try_submit(S).unwrap()).collect();
    let waits = tokio::spawn({
        let pool = pool.clone();
        async move {
            let filled: Vec<_> = (0..5).map(|_| pool.try_submit(S)).collect();
            pool.submit(S).await.map(|_| filled.len())
        }
    });
    sleep(100 * MS).await;
    let end = pool.shutdown(Instant::now() + 2 * S).await;
    assert!(waits.await.unwrap().is_err(), "a waiting submission is refused");
    assert_eq!(end.counts.accepted, end.counts.finished + end.counts.lost + end.counts.cancelled);
    assert_eq!(end.counts.finished, 2);
    assert_eq!((end.lost[0].number, end.lost[0].begun.is_some()), (2, true));
    drop(tickets);

    // A second run begins clean.
    pool.start(&Context::background()).unwrap();
    pool.submit(S).await.unwrap().await.unwrap();
    let end = pool.shutdown(Instant::now() + 2 * S).await;
    assert_eq!((end.counts.accepted, end.counts.finished, end.counts.lost), (1, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_restarted_part_accepts_again() {
    let attempts = Arc::new(AtomicU32::new(0));
    let count = attempts.clone();
    let make = move |worker: Worker| {
        let count = count.clone();
        async move {
            assert_eq!(worker.number(), 0);
            if count.fetch_add(1, Relaxed) < 5 { Err(BoxError::from("no route")) } else { Ok(()) }
        }
    };
    let pool = Pool::builder("flaky").workers(1).max_attempts(3).build(make, nap);
    let begun = Instant::now();
    let part = Part::new("flaky", pool.clone())
        .restart(upbeat::restart::Restart::on_failure(upbeat::restart::Backoff::constant(S).jitter(0.0)));
    let shop = Conductor::new("shop").part(part).stop_timeout(10 * S);
    let overview = shop.handle().overview();
    let report = shop
        .play_until(async {
            overview.wait_ready().await;
            // 100 ms and 200 ms between attempts, twice, and a second between the runs.
            assert_eq!(begun.elapsed(), 1600 * MS);
            pool.submit(S).await.unwrap().await.unwrap();
        })
        .await;
    assert_eq!(attempts.load(Relaxed), 6);
    assert_eq!(report.player("shop/flaky").unwrap().notes.last().unwrap(), "1 finished, 0 lost");
}

#[tokio::test(start_paused = true)]
async fn a_pool_whose_states_cannot_be_built_fails_and_reports_lost_jobs() {
    let make = async |_: Worker| Err::<(), _>(BoxError::from("no route"));
    let pool = Pool::builder("broken").workers(2).max_attempts(2).build(make, nap);
    let ticket = pool.try_submit(S).unwrap();
    let report = Conductor::new("shop").part(Part::new("broken", pool)).play_until(std::future::pending()).await;
    let broken = report.player("shop/broken").unwrap();
    assert_eq!(broken.outcome, Outcome::Failed);
    let error = broken.failures[0].to_string();
    assert!(error.contains("no worker state after 2 attempts"), "{error}");
    assert_eq!(broken.lost, ["job 0, not begun"]);
    assert!(matches!(ticket.await, Err(JobError::Lost { begun: false })));
}

#[tokio::test(start_paused = true)]
async fn if_one_worker_cannot_be_built_the_others_finish_accepted_jobs() {
    let make = |worker: Worker| async move {
        // The state of the second worker cannot be built. A panic counts like an error.
        assert_eq!(worker.number(), 0, "no room");
        Ok::<_, BoxError>(())
    };
    let pool = Pool::builder("half").workers(2).max_attempts(2).build(make, nap);
    pool.start(&Context::background()).unwrap();
    let tickets: Vec<_> = (0..5).map(|_| pool.try_submit(S).unwrap()).collect();
    for ticket in tickets {
        ticket.await.unwrap();
    }
    assert!(pool.try_submit(S).is_err(), "it has failed");
    let end = pool.shutdown(Instant::now() + S).await;
    assert!(end.failure.unwrap().to_string().contains("no room"));
}

#[tokio::test(start_paused = true)]
async fn an_aborted_player_completes_all_tickets() {
    let pool = Pool::builder("naps").workers(2).build(nothing, nap);
    let tickets: Vec<_> = (0..5).map(|_| pool.try_submit(100 * S).unwrap()).collect();
    let player = pool.clone();
    let playing = tokio::spawn(async move {
        let cx = Context::background();
        upbeat::Player::play(&player, cx).await.map_err(|error| error.to_string())
    });
    sleep(S).await;
    playing.abort();
    for (at, ticket) in tickets.into_iter().enumerate() {
        assert!(matches!(ticket.await, Err(JobError::Lost { begun }) if begun == (at < 2)));
    }
}

#[tokio::test(start_paused = true)]
async fn running_jobs_are_in_the_overview() {
    let builder = Pool::builder("naps").workers(2).name_jobs(|nap: &Duration| format!("{nap:?}"));
    let pool = builder.build(nothing, nap);
    let shop = Conductor::new("shop").part(Part::new("naps", pool.clone())).stop_timeout(60 * S);
    let overview = shop.handle().overview();
    let tickets: Vec<_> = (0..5).map(|_| pool.try_submit(10 * S).unwrap()).collect();
    let report = shop
        .play_until(async {
            sleep(2 * S).await;
            let snapshot = overview.dump(S).await.to_string();
            assert!(snapshot.contains("job 0 (10s) on worker 0 for 2.0 s"), "{snapshot}");
            assert!(snapshot.contains("3 jobs queued, no idle worker"), "{snapshot}");
        })
        .await;
    assert!(report.is_clean(), "{report}");
    drop(tickets);
}

#[tokio::test(start_paused = true)]
async fn an_elastic_pool_grows_while_jobs_wait_and_shrinks_while_workers_are_idle() {
    let pool = Pool::builder("elastic").elastic(1..=4).grow_after(10 * MS).idle_timeout(5 * S).build(nothing, nap);
    pool.start(&Context::background()).unwrap();
    let workers = || pool.counts().workers;
    sleep(60 * S).await;
    assert_eq!(workers(), 1, "it starts with the smallest number");

    let begun = Instant::now();
    let tickets: Vec<_> = (0..8).map(|_| pool.try_submit(S).unwrap()).collect();
    let mut seen = Vec::new();
    for _ in 0..60 {
        seen.push(workers());
        sleep(MS).await;
    }
    assert!(seen.is_sorted(), "{seen:?}");
    let first = |n| seen.iter().position(|&workers| workers == n).unwrap();
    // The timer has a resolution of a millisecond.
    for (n, at) in [(2, 10), (3, 20), (4, 30)] {
        assert!(first(n).abs_diff(at) <= 2, "{n} workers after {} ms", first(n));
    }
    for ticket in tickets {
        ticket.await.unwrap();
    }
    assert!(begun.elapsed() < 2100 * MS, "{:?}", begun.elapsed());
    assert_eq!(workers(), 4);
    // One job a second needs one worker. The others reach their idle timeout.
    for _ in 0..4 {
        pool.submit(MS).await.unwrap().await.unwrap();
        sleep(S).await;
    }
    assert_eq!(workers(), 4);
    for _ in 0..3 {
        pool.submit(MS).await.unwrap().await.unwrap();
        sleep(S).await;
    }
    assert_eq!(workers(), 1);
    sleep(60 * S).await;
    assert_eq!(workers(), 1, "never below the smallest number");
    let tickets: Vec<_> = (0..8).map(|_| pool.try_submit(S).unwrap()).collect();
    sleep(100 * MS).await;
    assert_eq!(workers(), 4, "it grows again");
    let end = pool.shutdown(Instant::now() + 10 * S).await;
    assert_eq!((end.counts.lost, end.counts.finished), (0, 8 + 7 + 8));
    drop(tickets);
}
