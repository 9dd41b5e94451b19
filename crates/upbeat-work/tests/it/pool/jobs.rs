//! Jobs, replies, permits and cancels.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    task::Poll,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::Notify,
    task::yield_now,
    time::{Instant, sleep},
};
use upbeat::{BoxError, Context};
use upbeat_work::{
    Pool,
    pool::{Emitter, JobError, JobStream, Results, Ticket, TrySubmitError},
};

const S: Duration = Duration::from_secs(1);

async fn nothing(_: upbeat_work::pool::Worker) -> Result<(), BoxError> {
    Ok(())
}

/// A job that records its begin, and ends when it is notified.
struct Gate {
    id: u32,
    log: Arc<Mutex<Vec<u32>>>,
    open: Arc<Notify>,
}

#[derive(Clone, Default)]
struct Gates {
    log: Arc<Mutex<Vec<u32>>>,
    open: Arc<Notify>,
}

impl Gates {
    fn job(&self, id: u32) -> Gate {
        Gate { id, log: self.log.clone(), open: self.open.clone() }
    }

    fn begun(&self) -> Vec<u32> {
        self.log.lock().clone()
    }
}

async fn pass((): &mut (), gate: Gate) -> u32 {
    gate.log.lock().push(gate.id);
    gate.open.notified().await;
    gate.id
}

fn gated(workers: usize, queue: usize) -> (Pool<Gate, u32>, Gates) {
    let pool = Pool::builder("gated").workers(workers).queue_capacity(queue).build(nothing, pass);
    pool.start(&Context::background()).expect("the pool is new");
    (pool, Gates::default())
}

/// Polls once.
async fn pends<F: Future>(mut future: Pin<&mut F>) -> bool {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await
}

async fn until(mut is_so: impl FnMut() -> bool) {
    for _ in 0..10_000 {
        if is_so() {
            return;
        }
        yield_now().await;
    }
    panic!("the condition never holds");
}

#[test]
fn types_are_send_and_sync() {
    fn free<T: Send + Sync + Unpin>() {}
    fn sent<T: Send + Unpin>() {}
    free::<Pool<u32, u32>>();
    free::<Ticket<u32>>();
    free::<Emitter<u32>>();
    free::<JobError>();
    sent::<JobStream<u32, u32>>();
    sent::<Results<std::vec::IntoIter<u32>, u32>>();
}

#[tokio::test(start_paused = true)]
async fn with_one_worker_jobs_begin_and_end_in_the_order_of_acceptance() {
    let order = Arc::new(Mutex::new(Vec::new()));
    let log = order.clone();
    let make = move |_| {
        let log = log.clone();
        async move { Ok::<_, BoxError>(log) }
    };
    let pool = Pool::builder("one").workers(1).queue_capacity(1000).build(
        make,
        async |log: &mut Arc<Mutex<Vec<u32>>>, id: u32| {
            // Some jobs wait, so that jobs in the local queue go back into the pool's.
            log.lock().push(id);
            if id.is_multiple_of(7) {
                sleep(S).await;
            }
            id
        },
    );
    let tickets: Vec<_> = (0..500).map(|id| pool.try_submit(id).unwrap()).collect();
    pool.start(&Context::background()).unwrap();
    let mut more = pool.submit_all(500..1000);
    for (id, ticket) in tickets.into_iter().enumerate() {
        assert_eq!(ticket.await.unwrap() as usize, id);
    }
    while more.next().await.is_some() {}
    assert_eq!(*order.lock(), (0..1000).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_bound_of_the_queue_is_exact() {
    let (pool, gates) = gated(2, 3);
    let mut tickets = Vec::new();
    for id in 0..2 {
        tickets.push(pool.try_submit(gates.job(id)).unwrap());
    }
    until(|| gates.begun().len() == 2).await;
    assert_eq!(pool.counts().queued, 0, "a job that has begun holds no permit");
    for id in 2..5 {
        tickets.push(pool.try_submit(gates.job(id)).unwrap());
    }
    let refused = pool.try_submit(gates.job(5)).unwrap_err();
    assert!(refused.is_busy());
    assert_eq!(refused.into_job().id, 5);

    // The submission that waits gets the next permit, and no other overtakes it.
    let mut waits = pin!(pool.submit(gates.job(6)));
    assert!(pends(waits.as_mut()).await);
    gates.open.notify_one();
    until(|| gates.begun().len() == 3).await;
    assert!(matches!(pool.try_submit(gates.job(7)), Err(TrySubmitError::Busy(_))));
    tickets.push(waits.await.unwrap());
    assert_eq!(pool.counts().queued, 3);
    for _ in 0..6 {
        gates.open.notify_one();
        yield_now().await;
        gates.open.notify_one();
    }
    let end = tokio::spawn(async move { for_all(tickets).await });
    until(|| {
        gates.open.notify_one();
        gates.begun().len() == 6
    })
    .await;
    loop {
        gates.open.notify_one();
        yield_now().await;
        if end.is_finished() {
            break;
        }
    }
    assert_eq!(end.await.unwrap(), [0, 1, 2, 3, 4, 6]);
}

async fn for_all<R>(tickets: Vec<Ticket<R>>) -> Vec<R> {
    let mut replies = Vec::new();
    for ticket in tickets {
        replies.push(ticket.await.expect("its job finishes"));
    }
    replies
}

#[tokio::test]
async fn a_job_in_a_local_queue_keeps_its_permit_until_it_begins() {
    // On one thread: the worker takes cheap jobs together. The sixth waits, and the others stay in
    // the local queue.
    let (begun, open) = (Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
    let state = (begun.clone(), open.clone());
    let make = move |_| {
        let state = state.clone();
        async move { Ok::<_, BoxError>(state) }
    };
    let pool = Pool::builder("cheap").workers(1).queue_capacity(100).build(
        make,
        async |(begun, open): &mut (Arc<AtomicU32>, Arc<Notify>), waits: bool| {
            begun.fetch_add(1, Relaxed);
            if waits {
                open.notified().await;
            }
        },
    );
    pool.start(&Context::background()).unwrap();
    // The worker measures that jobs are cheap.
    let mut warm = pool.submit_all(std::iter::repeat_n(false, 1000));
    while warm.next().await.is_some() {}
    let tickets: Vec<_> = (0..100).map(|at| pool.try_submit(at == 5).unwrap()).collect();
    assert!(pool.try_submit(false).is_err());
    until(|| begun.load(Relaxed) == 1006).await;
    assert_eq!(pool.counts().queued, 94);
    let more: Vec<_> = (0..6).map(|_| pool.try_submit(false).unwrap()).collect();
    assert!(pool.try_submit(false).unwrap_err().is_busy());
    open.notify_one();
    for_all(tickets).await;
    for_all(more).await;
}

#[tokio::test]
async fn a_cancel_removes_a_job_that_has_not_begun_and_frees_its_permit() {
    let (pool, gates) = gated(1, 2);
    let running = pool.try_submit(gates.job(0)).unwrap();
    until(|| gates.begun().len() == 1).await;
    let second = pool.try_submit(gates.job(1)).unwrap();
    let third = pool.try_submit(gates.job(2)).unwrap();
    assert!(pool.try_submit(gates.job(9)).is_err());
    assert!(second.cancel());
    let fourth = pool.try_submit(gates.job(3)).expect("its permit is free");

    // Also for a submission that waits.
    let mut waits = pin!(pool.submit(gates.job(4)));
    assert!(pends(waits.as_mut()).await);
    drop(third);
    let fifth = waits.await.unwrap();

    // A running job finishes.
    assert!(!running.cancel());
    gates.open.notify_one();
    until(|| gates.begun().len() == 2).await;
    gates.open.notify_one();
    assert_eq!(fourth.await.unwrap(), 3);
    gates.open.notify_one();
    assert_eq!(fifth.await.unwrap(), 4);
    assert_eq!(gates.begun(), [0, 3, 4]);
    let counts = pool.counts();
    assert_eq!((counts.accepted, counts.finished, counts.cancelled, counts.queued), (5, 3, 2, 0));
}

#[tokio::test]
async fn a_cancelled_job_is_dropped_at_once_and_leaves_nothing_in_the_queue() {
    let (pool, gates) = gated(1, 4);
    let running = pool.try_submit(gates.job(0)).unwrap();
    until(|| gates.begun().len() == 1).await;
    let held = Arc::strong_count(&gates.log);
    for id in 0..10_000 {
        drop(pool.try_submit(gates.job(id)).unwrap());
    }
    assert_eq!(Arc::strong_count(&gates.log), held);
    assert_eq!(pool.counts().cancelled, 10_000);
    gates.open.notify_one();
    running.await.unwrap();
}

#[tokio::test]
async fn a_waiting_submission_that_is_dropped_passes_its_permit_on() {
    let (pool, gates) = gated(1, 1);
    let first = pool.try_submit(gates.job(0)).unwrap();
    until(|| gates.begun().len() == 1).await;
    let second = pool.try_submit(gates.job(1)).unwrap();
    {
        let mut granted = Box::pin(pool.submit(gates.job(2)));
        let mut forgotten = Box::pin(pool.submit(gates.job(3)));
        let mut next = Box::pin(pool.submit(gates.job(4)));
        assert!(pends(granted.as_mut()).await);
        assert!(pends(forgotten.as_mut()).await);
        assert!(pends(next.as_mut()).await);
        drop(forgotten);
        assert!(second.cancel());
        // The permit goes to a submission that is dropped before it is polled.
        drop(granted);
        drop(next.await.unwrap());
    }
    assert_eq!(pool.counts().queued, 0);
    gates.open.notify_one();
    first.await.unwrap();
}

#[tokio::test]
async fn a_panic_is_an_error_of_its_job_and_the_state_is_built_again() {
    let built = Arc::new(AtomicU32::new(0));
    let count = built.clone();
    let make = move |_| {
        let count = count.clone();
        async move { Ok::<_, BoxError>((count.fetch_add(1, Relaxed), 0)) }
    };
    let pool = Pool::builder("clumsy").workers(1).build(make, async |(state, jobs): &mut (u32, u32), id: u32| {
        *jobs += 1;
        if id == 2 {
            yield_now().await;
        }
        assert!(id % 2 == 1, "job {id} is even");
        (*state, *jobs)
    });
    pool.start(&Context::background()).unwrap();
    let results: Vec<_> = {
        let mut all = pool.submit_all([1, 3, 0, 5, 2, 7, 9]);
        let mut results = Vec::new();
        while let Some(result) = all.next().await {
            results.push(result);
        }
        results
    };
    let good: Vec<_> = results.iter().filter_map(|result| result.as_ref().ok().copied()).collect();
    assert_eq!(good, [(0, 1), (0, 2), (1, 1), (2, 1), (2, 2)]);
    for (at, message) in [(2, "job 0 is even"), (4, "job 2 is even")] {
        let Err(JobError::Panicked(panic)) = &results[at] else { panic!("{:?}", results[at]) };
        assert_eq!(panic.message(), message);
        assert!(panic.location().unwrap().contains("jobs.rs"));
    }
    assert_eq!(built.load(Relaxed), 3);
    assert_eq!((pool.counts().finished, pool.counts().panicked), (5, 2));
}

#[tokio::test(start_paused = true)]
async fn a_waiting_job_delays_no_other_while_a_worker_is_idle() {
    let pool = Pool::builder("two").workers(2).build(nothing, async |(): &mut (), wait: Duration| {
        if !wait.is_zero() {
            sleep(wait).await;
        }
    });
    pool.start(&Context::background()).unwrap();
    // Both measure that jobs are cheap, and take many at once.
    let mut warm = pool.submit_all(std::iter::repeat_n(Duration::ZERO, 10_000));
    while warm.next().await.is_some() {}
    let begun = Instant::now();
    let slow = pool.try_submit(100 * S).unwrap();
    let fast: Vec<_> = (0..200).map(|_| pool.try_submit(Duration::ZERO).unwrap()).collect();
    for_all(fast).await;
    assert_eq!(begun.elapsed(), Duration::ZERO);
    slow.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn all_results_come_in_order_or_as_jobs_finish() {
    let pool = Pool::builder("naps").workers(4).queue_capacity(16).build(nothing, async |(): &mut (), nap: u64| {
        sleep(Duration::from_millis(nap)).await;
        nap
    });
    pool.start(&Context::background()).unwrap();
    let naps: Vec<u64> = (0..300).map(|at| 1 + at * 7919 % 97).collect();
    let mut ordered = pool.submit_all(naps.clone());
    let mut seen = Vec::new();
    while let Some(nap) = ordered.next().await {
        seen.push(nap.unwrap());
    }
    assert_eq!(seen, naps);

    let mut unordered = pool.submit_all_unordered(naps.clone());
    let mut by_position = vec![None; naps.len()];
    let mut order = Vec::new();
    while let Some((at, nap)) = unordered.next().await {
        assert_eq!(by_position[at].replace(nap.unwrap()), None, "a position came twice");
        order.push(at);
    }
    assert!(by_position.into_iter().map(Option::unwrap).eq(naps));
    assert!(!order.is_sorted());
}

#[tokio::test(start_paused = true)]
async fn an_endless_iterator_is_read_no_further_than_the_window() {
    let pool = Pool::builder("endless").workers(1).queue_capacity(10).build(nothing, async |(): &mut (), id: u32| id);
    pool.start(&Context::background()).unwrap();
    let pulled = Arc::new(AtomicU32::new(0));
    let count = pulled.clone();
    let mut all = pool.submit_all((0..).inspect(move |_| _ = count.fetch_add(1, Relaxed)));
    for id in 0..100 {
        assert_eq!(all.next().await.unwrap().unwrap(), id);
        sleep(S).await;
        assert!(pulled.load(Relaxed) <= id + 1 + 20);
    }
    drop(all);
    assert_eq!(pool.counts().queued, 0, "jobs that have not begun are cancelled");
}

#[tokio::test(start_paused = true)]
async fn a_result_of_a_batch_does_not_wait_for_later_ones() {
    let pool = Pool::builder("slow").workers(1).build(nothing, async |(): &mut (), nap: Duration| sleep(nap).await);
    pool.start(&Context::background()).unwrap();
    let begun = Instant::now();
    let mut all = pool.submit_all(vec![S; 10]);
    for n in 1..=10 {
        all.next().await.unwrap().unwrap();
        assert_eq!(begun.elapsed(), n * S);
    }
    assert!(all.next().await.is_none());
}

struct Count {
    to: u32,
    out: Emitter<u32>,
}

async fn count((): &mut (), job: Count) -> &'static str {
    for n in 0..job.to {
        assert!(n < 50, "too far");
        if job.out.send(n).await.is_err() {
            return "stream dropped";
        }
    }
    "done"
}

#[tokio::test]
async fn a_job_sends_several_results() {
    let pool = Pool::builder("count").workers(1).build(nothing, count);
    pool.start(&Context::background()).unwrap();
    let mut numbers = pool.submit_stream(2, |out| Count { to: 20, out }).await.unwrap();
    for n in 0..20 {
        assert_eq!(numbers.next().await.unwrap().unwrap(), n);
    }
    assert!(numbers.next().await.is_none());
    assert_eq!(numbers.into_reply(), Some("done"));

    // A panic is the last item, after all results that were sent.
    let mut numbers = pool.submit_stream(100, |out| Count { to: 60, out }).await.unwrap();
    for n in 0..50 {
        assert_eq!(numbers.next().await.unwrap().unwrap(), n);
    }
    assert!(numbers.next().await.unwrap().unwrap_err().is_panic());
    assert!(numbers.next().await.is_none());

    // The job is notified of a dropped stream.
    let mut numbers = pool.submit_stream(1, |out| Count { to: 40, out }).await.unwrap();
    numbers.next().await.unwrap().unwrap();
    drop(numbers);
    until(|| pool.counts().finished == 2).await;
}

#[tokio::test]
async fn accepted_jobs_finish_after_the_last_handle_is_dropped() {
    let (pool, gates) = gated(1, 10);
    let tickets: Vec<_> = (0..5).map(|id| pool.try_submit(gates.job(id)).unwrap()).collect();
    drop(pool);
    let open = gates.open.clone();
    let opening = tokio::spawn(async move {
        loop {
            open.notify_one();
            yield_now().await;
        }
    });
    assert_eq!(for_all(tickets).await, [0, 1, 2, 3, 4]);
    opening.abort();
}

#[tokio::test]
async fn jobs_of_a_pool_that_is_never_started_are_lost_with_it() {
    let pool = Pool::builder("mute").build(nothing, async |(): &mut (), id: u32| id);
    let ticket = pool.try_submit(1).unwrap();
    drop(pool);
    assert!(matches!(ticket.await, Err(JobError::Lost { begun: false })));
}
