//! Foreign code that looks at the conductor: log layers, wakers, players, and the text and the drop
//! of their errors. None of it runs under a lock, or the look would wait for itself.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    cell::Cell,
    error::Error,
    fmt,
    future::{Future, pending, poll_fn},
    pin::pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    task::{Context as TaskContext, Poll, Wake, Waker},
    thread,
    time::Duration,
};

use crate::common::{MS, S, deaf, failing, idle};
use harm::log::CallsBack;
use tokio::time::{Instant, sleep};
use upbeat::{
    BoxError, Conductor, Context, Handle, Part, Player, Report,
    player::PlayerId,
    restart::{Backoff, Restart, Strategy},
    score::{OnFailure, OnUnresponsive, Readiness},
    task::Tracker,
};

/// Looks at everything that there is to look at.
#[derive(Clone, Default)]
struct Looks(Arc<Inner>);

#[derive(Default)]
struct Inner {
    handle: OnceLock<Handle>,
    tracker: OnceLock<Tracker>,
    count: AtomicUsize,
}

impl Looks {
    fn look(&self) {
        thread_local! {
            static LOOKING: Cell<bool> = const { Cell::new(false) };
        }
        // A look lists open work, which looks.
        if LOOKING.replace(true) {
            return;
        }
        self.0.count.fetch_add(1, SeqCst);
        if let Some(handle) = self.0.handle.get() {
            let overview = handle.overview();
            drop((overview.snapshot(), overview.is_ready()));
            drop((handle.part("api/worker").state(), handle.part("fails").state()));
        }
        if let Some(tracker) = self.0.tracker.get() {
            tracker.open();
        }
        LOOKING.set(false);
    }
}

/// Looks when it is displayed, and when it is dropped.
struct LooksError(Looks);

impl fmt::Display for LooksError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.look();
        f.write_str("no luck")
    }
}

impl fmt::Debug for LooksError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for LooksError {}

impl Drop for LooksError {
    fn drop(&mut self) {
        self.0.look();
    }
}

/// A player that looks in each of its methods, when it fails, and when it is dropped. It captures
/// something that looks, too.
struct LooksPlayer(Looks, Arc<()>);

impl Player for LooksPlayer {
    type Error = LooksError;

    async fn play(&self, cx: Context) -> Result<(), LooksError> {
        self.0.look();
        let source = LooksError(self.0.clone());
        cx.register_work(move |_| source.0.look());
        cx.ready();
        self.0.look();
        cx.unless_stopping(sleep(100 * MS)).await;
        Err(LooksError(self.0.clone()))
    }

    fn readiness(&self) -> Readiness {
        self.0.look();
        Readiness::Signalled
    }

    fn identity(&self) -> Option<PlayerId> {
        self.0.look();
        Some(PlayerId::of(&self.1))
    }

    fn is_restartable(&self) -> bool {
        self.0.look();
        true
    }
}

impl Drop for LooksPlayer {
    fn drop(&mut self) {
        self.0.look();
    }
}

/// A future that is polled with a waker that looks before it wakes, and when it is dropped.
async fn with_waker_that_looks<T>(looks: &Looks, future: impl Future<Output = T>) -> T {
    struct LooksWaker(Looks, Waker);

    impl Wake for LooksWaker {
        fn wake(self: Arc<Self>) {
            self.0.look();
            self.1.wake_by_ref();
        }
    }

    impl Drop for LooksWaker {
        fn drop(&mut self) {
            self.0.look();
        }
    }

    let mut future = pin!(future);
    poll_fn(move |cx| {
        // A new one each time, so that the last one is replaced.
        let waker = Waker::from(Arc::new(LooksWaker(looks.clone(), cx.waker().clone())));
        future.as_mut().poll(&mut TaskContext::from_waker(&waker))
    })
    .await
}

/// Runs a test on a thread of its own, with a log layer that looks. A thread that waits for its own
/// lock never ends.
fn in_time(test: impl AsyncFnOnce(Looks) + Send + 'static) {
    let (done, is_done) = mpsc::channel();
    let looks = Looks::default();
    let seen = looks.clone();
    let thread = thread::spawn(move || {
        let layer = {
            let looks = looks.clone();
            CallsBack(move |_: &str| looks.look())
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        tracing::subscriber::with_default(layer, || runtime.block_on(test(looks)));
        done.send(()).unwrap();
    });
    match is_done.recv_timeout(Duration::from_mins(1)) {
        Ok(()) | Err(mpsc::RecvTimeoutError::Disconnected) => thread.join().unwrap(),
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it waits for itself after {} looks", seen.0.count.load(SeqCst)),
    }
    assert!(seen.0.count.load(SeqCst) > 50, "it was hardly asked");
}

fn policy(max: u32) -> Restart {
    Restart::on_failure(Backoff::constant(10 * MS)).max_restarts(max)
}

#[test]
fn a_log_layer_may_look_at_every_event() {
    in_time(async |looks: Looks| {
        let silent = async |_: Context| pending::<Result<(), BoxError>>().await;
        let api = Conductor::new("api")
            .strategy(Strategy::OneForAll)
            .part(Part::new("worker", failing(300 * MS, "no luck")).restart(policy(2)))
            .part(Part::new("deaf", deaf).signals_ready().stop_timeout(50 * MS));
        let shop = Conductor::new("shop")
            .part(Part::new("silent", silent).stop_timeout(MS).watchdog(S, OnUnresponsive::Restart))
            .part(Part::new("api", api).on_failure(OnFailure::Ignore))
            .part(Part::new("fails", failing(S, "no luck")).restart(policy(20)).on_failure(OnFailure::Ignore))
            .part(Part::new("late", async |_: Context| Ok::<_, BoxError>(())).job().after("fails"))
            .player("idle", idle)
            .stop_timeout(5 * S);
        looks.0.handle.set(shop.handle()).unwrap();
        let handle = shop.handle();
        let report = shop
            .play_until(async {
                sleep(3 * S).await;
                handle.part("idle").restart().await.unwrap();
                handle.part("fails").stop().await.unwrap();
                handle.add(Part::new("deaf", deaf).signals_ready()).await.unwrap();
                sleep(S).await;
            })
            .await;
        assert_eq!(report.exit_code(), 124, "{report}");
        // With what is aborted at once.
        let report = Conductor::new("shop").player("deaf", deaf);
        let handle = report.handle();
        let _: Report = report.play_until(async { handle.abort() }).await;
    });
}

#[test]
fn players_and_their_errors_may_look_wherever_they_are_called_or_dropped() {
    in_time(async |looks: Looks| {
        let player = || LooksPlayer(looks.clone(), Arc::new(()));
        let shop = Conductor::new("shop")
            .part(Part::new("fails", player()).restart(policy(40)).on_failure(OnFailure::Ignore))
            .part(Part::new("idle", idle));
        looks.0.handle.set(shop.handle()).unwrap();
        let handle = shop.handle();
        let report = shop
            .play_until(async {
                // More failures than are kept.
                sleep(5 * S).await;
                for _ in 0..3 {
                    let added = Part::new("added", player()).restart(policy(1)).on_failure(OnFailure::Ignore);
                    handle.add(added).await.unwrap();
                    handle.part("added").restart().await.unwrap();
                    sleep(S).await;
                    drop(handle.part("added").remove().await.unwrap());
                }
            })
            .await;
        assert!(report.player("shop/fails").unwrap().omitted_failures > 10, "{report}");
    });
}

#[test]
fn wakers_may_look() {
    in_time(async |looks: Looks| {
        let own = looks.clone();
        let waits = move |cx: Context| {
            let looks = own.clone();
            async move {
                let mut stopping = pin!(cx.stopping());
                let woken = async {
                    tokio::select! {
                        () = &mut stopping => true,
                        () = sleep(100 * MS) => false,
                    }
                };
                with_waker_that_looks(&looks, woken).await;
                Ok::<_, BoxError>(())
            }
        };
        let tracker = Tracker::new();
        looks.0.tracker.set(tracker.clone()).unwrap();
        let shop = Conductor::new("shop")
            .part(Part::new("waits", waits).job())
            .player("tracker", tracker.clone())
            .part(Part::new("idle", idle).after("tracker"));
        looks.0.handle.set(shop.handle()).unwrap();
        let handle = shop.handle();
        let work = looks.clone();
        let report = with_waker_that_looks(
            &looks,
            shop.play_until(async {
                let overview = handle.overview();
                with_waker_that_looks(&looks, overview.wait_ready()).await;
                for _ in 0..40 {
                    let error = LooksError(work.clone());
                    tracker
                        .track("work", async move {
                            sleep(MS).await;
                            Err::<(), _>(error)
                        })
                        .unwrap();
                }
                sleep(S).await;
                let _ = with_waker_that_looks(&looks, handle.part("idle").stop()).await.unwrap();
                tracker.track("late", sleep(S)).unwrap();
                handle.stop();
                pending::<()>().await;
            }),
        )
        .await;
        assert_eq!(report.exit_code(), 1, "{report}");
        let again = with_waker_that_looks(&looks, tracker.shutdown(Instant::now())).await;
        assert_eq!(again.finished, 41);
    });
}

#[test]
fn a_stop_before_the_play_wakes_without_a_lock() {
    in_time(async |looks: Looks| {
        for _ in 0..20 {
            let shop = Conductor::new("shop").player("idle", idle);
            let handle = shop.handle();
            let _ = looks.0.handle.set(handle.clone());
            let overview = handle.overview();
            let waits = with_waker_that_looks(&looks, overview.wait_for(|now| now.stopping.is_some()));
            let mut waits = pin!(waits);
            assert!(poll_fn(|cx| Poll::Ready(waits.as_mut().poll(cx).is_pending())).await);
            handle.stop();
            let report = shop.play_until(pending()).await;
            assert!(report.is_clean(), "{report}");
        }
    });
}
