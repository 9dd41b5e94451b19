//! Asynchronous stages: a section with one thread, and many futures.

use std::{
    collections::BTreeSet,
    future::pending,
    panic::resume_unwind,
    sync::{Arc, Mutex},
};

use shuttle::rand::{Rng as _, thread_rng};
use tokio::{
    sync::{Notify, mpsc::channel, oneshot},
    task::spawn_blocking,
};
use upbeat_work::{
    OnStop, Pipeline,
    pipeline::{Concurrency, PipelineFailure},
};

use super::items::{Living, feed, some, stumble};
use crate::explore::{Time, explore, pause};

const ITEMS: u32 = 10;
const LIMIT: usize = 3;

/// Counts of futures. The lock is an ordinary one: counting is no point of the schedule.
#[derive(Clone, Default)]
struct Calls(Arc<Mutex<Counts>>);

#[derive(Clone, Copy, Default)]
struct Counts {
    begun: usize,
    done: usize,
    now: usize,
    at_most: usize,
}

struct Call(Calls);

impl Calls {
    fn begin(&self) -> Call {
        let mut counts = self.0.lock().unwrap();
        counts.begun += 1;
        counts.now += 1;
        counts.at_most = counts.at_most.max(counts.now);
        Call(self.clone())
    }

    fn counts(&self) -> Counts {
        *self.0.lock().unwrap()
    }
}

impl Call {
    fn done(self) {
        self.0.0.lock().unwrap().done += 1;
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.0.0.lock().unwrap().now -= 1;
    }
}

/// Futures that wait for a permit.
#[derive(Clone, Default)]
struct Gates {
    waiting: Arc<Mutex<Vec<oneshot::Sender<()>>>>,
    came: Arc<Notify>,
}

impl Gates {
    async fn pass(&self) {
        let (go, gate) = oneshot::channel();
        self.waiting.lock().unwrap().push(go);
        self.came.notify_one();
        gate.await.unwrap();
    }

    /// Gives `times` permits, one by one, to any of the waiting futures.
    async fn open(self, times: u32) {
        for _ in 0..times {
            while self.waiting.lock().unwrap().is_empty() {
                self.came.notified().await;
            }
            pause(8).await;
            // Sent without the lock, which is no point of the schedule.
            let go = {
                let mut waiting = self.waiting.lock().unwrap();
                let any = thread_rng().gen_range(0..waiting.len());
                waiting.swap_remove(any)
            };
            go.send(()).unwrap();
        }
    }
}

#[test]
fn the_futures_in_flight_are_bounded_and_come_out_in_order() {
    explore(Time::WhenIdle, || async {
        let (living, calls, gates) = (Living::default(), Calls::default(), Gates::default());
        let opening = tokio::spawn(gates.clone().open(ITEMS));
        let report = Pipeline::from_iter(living.items(0..ITEMS))
            .map_async(LIMIT, async |item| {
                let call = calls.begin();
                gates.pass().await;
                call.done();
                item.number
            })
            .inspect(|_| stumble(1))
            .collect()
            .workers(some())
            .window(2)
            .max_batch(2)
            .run()
            .unwrap();
        assert!(report.output.iter().copied().eq(0..ITEMS), "{:?}", report.output);
        assert!(report.is_clean(), "{report}");
        let Counts { begun, done, at_most, .. } = calls.counts();
        assert!((begun, done) == (10, 10) && at_most <= LIMIT, "{at_most} at once");
        opening.await.unwrap();
        assert_eq!(living.now(), 0);
    });
}

#[test]
fn unordered_futures_come_out_once() {
    explore(Time::WhenIdle, || async {
        let (living, calls, gates) = (Living::default(), Calls::default(), Gates::default());
        let opening = tokio::spawn(gates.clone().open(ITEMS));
        let report = Pipeline::from_iter(living.items(0..ITEMS))
            .map_async(Concurrency::unordered(LIMIT), async |item| {
                let call = calls.begin();
                gates.pass().await;
                call.done();
                item.number
            })
            .collect()
            .workers(some())
            .window(2)
            .run()
            .unwrap();
        let output: BTreeSet<u32> = report.output.iter().copied().collect();
        assert!(report.output.len() == 10 && output == (0..ITEMS).collect(), "{:?}", report.output);
        assert!(calls.counts().at_most <= LIMIT, "{} at once", calls.counts().at_most);
        opening.await.unwrap();
    });
}

#[test]
fn a_stop_that_finishes_awaits_the_futures() {
    explore(Time::WhenIdle, || async {
        let (living, calls) = (Living::default(), Calls::default());
        let (to, from) = channel(2);
        let feeding = tokio::spawn(feed(living.clone(), to, ITEMS));
        let counted = calls.clone();
        let pipeline = Pipeline::from_channel(from).map_async(LIMIT, move |item| {
            let call = counted.begin();
            async move {
                pause(3).await;
                call.done();
                item.number
            }
        });
        let pipeline = pipeline.collect().workers(some()).window(2).max_batch(2);
        let stop = pipeline.stop_handle();
        let running = spawn_blocking(move || pipeline.run().unwrap());
        pause(30).await;
        stop.stop(OnStop::Finish);
        let (report, accepted) = (running.await.unwrap(), feeding.await.unwrap());
        assert!(report.output.iter().copied().eq(0..accepted), "{accepted} accepted: {:?}", report.output);
        assert_eq!((report.taken, report.dropped), (accepted.into(), 0), "{report}");
        let Counts { begun, done, .. } = calls.counts();
        assert_eq!((begun, done), (accepted as usize, accepted as usize));
        assert_eq!(living.now(), 0);
    });
}

#[test]
fn a_stop_that_drops_drops_the_futures() {
    explore(Time::WhenIdle, || async {
        let (living, calls) = (Living::default(), Calls::default());
        let endless = thread_rng().gen_range(0..ITEMS);
        let counted = calls.clone();
        let pipeline = Pipeline::from_iter(living.items(0..ITEMS)).map_async(LIMIT, move |item| {
            let call = counted.begin();
            async move {
                pause(2).await;
                if item.number == endless {
                    pending::<()>().await;
                }
                call.done();
                item.number
            }
        });
        let pipeline = pipeline.collect().workers(some()).window(2).max_batch(2);
        let stop = pipeline.stop_handle();
        let running = spawn_blocking(move || pipeline.run().unwrap());
        pause(40).await;
        stop.stop(OnStop::Drop);
        let report = running.await.unwrap();
        assert!(report.emitted <= endless.into(), "{report}");
        assert!(report.output.iter().copied().eq(0..u32::try_from(report.emitted).unwrap()), "{:?}", report.output);
        assert_eq!(report.emitted + report.dropped, report.taken, "{report}");
        assert_eq!((calls.counts().now, living.now()), (0, 0), "a future or an item is left");
    });
}

#[test]
fn a_panic_of_a_future_affects_its_item_alone() {
    explore(Time::WhenIdle, || async {
        let (living, calls) = (Living::default(), Calls::default());
        let report = Pipeline::from_iter(living.items(0..ITEMS))
            .map_async(LIMIT, |item| {
                let call = calls.begin();
                // One panics before there is a future, and one in its future.
                panic_at(item.number, 2);
                async move {
                    pause(2).await;
                    panic_at(item.number, 6);
                    call.done();
                    item.number
                }
            })
            .name("fetch")
            .collect()
            .workers(some())
            .window(2)
            .run()
            .unwrap();
        assert!(report.output.iter().copied().eq((0..ITEMS).filter(|n| *n != 2 && *n != 6)), "{:?}", report.output);
        let failed: Vec<_> = report.failures.iter().map(|failure| (failure.stage(), failure.item())).collect();
        assert_eq!((report.panicked, &failed[..]), (2, &[("fetch", 2), ("fetch", 6)][..]), "{report}");
        assert_eq!((calls.counts().now, living.now()), (0, 0), "a future or an item is left");
    });
}

/// Panics at one number, without the panic hook, which prints a failing schedule.
fn panic_at(number: u32, at: u32) {
    if number == at {
        resume_unwind(Box::new("on purpose"));
    }
}

#[test]
fn a_sink_that_fails_ends_futures_without_an_end() {
    explore(Time::WhenIdle, || async {
        let (living, calls) = (Living::default(), Calls::default());
        let (to, from) = channel(4);
        for number in 0..4 {
            to.send(living.item(number)).await.unwrap();
        }
        let counted = calls.clone();
        let pipeline = Pipeline::from_channel(from).map_async(LIMIT, move |item| {
            let call = counted.begin();
            async move {
                if item.number > 1 {
                    pending::<()>().await;
                }
                call.done();
                item
            }
        });
        let pipeline = pipeline.try_for_each(|item| if item.number == 1 { Err("the disk is full") } else { Ok(()) });
        let pipeline = pipeline.workers(some()).window(2).max_batch(1);
        // The source has no more items, and does not end.
        let error = spawn_blocking(move || pipeline.run()).await.unwrap().unwrap_err();
        assert!(matches!(error.cause(), PipelineFailure::Sink(_)), "{error}");
        assert_eq!((calls.counts().now, living.now()), (0, 0), "a future or an item is left");
        drop(to);
    });
}
