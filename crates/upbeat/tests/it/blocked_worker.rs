//! A player that blocks its worker does not hold up the control loop, whatever it has asked of the
//! loop before. On real threads, because this is about which thread takes the loop.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use crate::common::{MS, S, idle};
use tokio::{sync::oneshot, time::timeout};
use upbeat::{
    BoxError, Conductor, Context, Handle, Part, Report, exit_code,
    report::Outcome,
    restart::Restart,
    score::{OnFailure, OnUnresponsive},
    with,
};

/// Far longer than anything here takes, and much less than a test may take.
const FOR_EVER: Duration = Duration::from_mins(1);

/// A gate at which threads block, until it is opened or dropped.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn block(&self) {
        let (open, opened) = &*self.0;
        let closed = opened.wait_timeout_while(open.lock().unwrap(), FOR_EVER, |open| !*open).unwrap();
        assert!(*closed.0, "nothing opens the gate");
    }

    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }
}

/// A part that does something in a poll, and then blocks its worker in the same poll.
fn blocks(gate: &Gate, first: impl Fn(&Context) + Clone + Send + Sync + 'static) -> Part {
    let player = with((gate.clone(), first), async |(gate, first): (Gate, _), cx: Context| {
        first(&cx);
        gate.block();
        Ok::<_, BoxError>(())
    });
    Part::new("naughty", player).stop_timeout(100 * MS).on_failure(OnFailure::Ignore)
}

fn on_workers(workers: usize, gate: &Gate, test: impl AsyncFnOnce() + Send + 'static) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build().unwrap();
    runtime.block_on(async {
        let done = timeout(FOR_EVER / 2, test()).await;
        gate.open();
        done.expect("it is held up");
    });
}

/// Plays it in a task, so that its loop is in the hands of the workers.
fn play(conductor: Conductor) -> (Handle, tokio::task::JoinHandle<Report>) {
    let handle = conductor.handle();
    (handle, tokio::spawn(conductor.play_until(std::future::pending())))
}

fn named(report: &Report, path: &str) -> Outcome {
    report.player(path).unwrap_or_else(|| panic!("{path} is not in {report}")).outcome.clone()
}

#[test]
fn a_player_that_says_that_it_is_ready_and_blocks_is_named_in_a_nested_conductor() {
    for workers in [2, 3, 8] {
        let gate = Gate::default();
        let (gate, opens) = (gate.clone(), gate.clone());
        on_workers(workers, &opens, async move || {
            let inner =
                Conductor::new("inner").player("polite", idle).part(blocks(&gate, Context::ready).signals_ready());
            let top = Conductor::new("top").stop_timeout(S).player("inner", inner);
            let overview = top.handle().overview();
            // It is ready, as it says, though its first poll never returns.
            let report = top.play_until(overview.wait_ready()).await;
            assert_eq!(named(&report, "top/inner/naughty"), Outcome::Leaked, "{report}");
            assert_eq!(named(&report, "top/inner/polite"), Outcome::Stopped, "{report}");
        });
    }
}

#[test]
fn a_request_of_a_player_that_blocks_is_performed() {
    type Ask = fn(&Handle);
    // A request is sent in the first poll of its future.
    fn begin<T>(request: impl Future<Output = T>) {
        let mut request = std::pin::pin!(request);
        let waker = std::task::Waker::noop();
        let _ = request.as_mut().poll(&mut std::task::Context::from_waker(waker));
    }
    let asks: [Ask; 5] = [
        Handle::stop,
        Handle::abort,
        |handle| begin(handle.part("inner/other").stop()),
        |handle| begin(handle.part("inner/other").remove()),
        |handle| begin(handle.add_to("inner", Part::new("stops", async |_| Ok::<_, BoxError>(())).stops_all().job())),
    ];
    for ask in asks {
        let gate = Gate::default();
        let (gate, opens) = (gate.clone(), gate.clone());
        on_workers(2, &opens, async move || {
            let (handle_sent, handle_given) = std::sync::mpsc::channel::<Handle>();
            let handle_given = Arc::new(Mutex::new(handle_given));
            let asks = move |_: &Context| ask(&handle_given.lock().unwrap().recv().unwrap());
            let stops = async |cx: Context| {
                cx.stopping().await;
                Ok::<_, BoxError>(())
            };
            let inner = Conductor::new("inner").part(Part::new("other", stops).stops_all()).part(blocks(&gate, asks));
            let (handle, playing) = play(
                Conductor::new("top")
                    .stop_timeout(S)
                    .part(Part::new("inner", inner).stops_all().on_failure(OnFailure::Ignore)),
            );
            handle.overview().wait_for(|now| now.player("top/inner/other").is_some_and(|other| other.ready)).await;
            handle_sent.send(handle.clone()).unwrap();
            // Each request ends one part or all, without a word from outside.
            handle
                .overview()
                .wait_for(|now| {
                    now.stopping.is_some() || now.player("top/inner/other").is_none_or(|other| !other.ready)
                })
                .await;
            handle.stop();
            let report = playing.await.unwrap();
            assert_eq!(report.exit_code(), exit_code::OVERRAN, "{report}");
        });
    }
}

#[test]
fn the_stop_of_a_part_that_blocks_is_answered_at_its_deadline() {
    let gate = Gate::default();
    let opens = gate.clone();
    on_workers(2, &opens, async move || {
        let (handle, playing) = play(Conductor::new("top").player("keeper", idle));
        handle.overview().wait_ready().await;
        handle.add(blocks(&gate, Context::ready).signals_ready()).await.unwrap();
        handle.overview().wait_ready().await;
        let ended = timeout(10 * S, handle.part("naughty").stop()).await.expect("its deadline is 100 ms").unwrap();
        assert_eq!(ended.outcome, Outcome::Leaked);
        // The loop does what others ask of it.
        handle.add(Part::new("child", idle)).await.unwrap();
        assert!(handle.part("child").remove().await.unwrap().is_clean());
        handle.stop();
        assert_eq!(playing.await.unwrap().exit_code(), 124);
    });
}

#[test]
fn the_future_that_stops_everything_is_taken_by_another_worker() {
    let gate = Gate::default();
    let opens = gate.clone();
    on_workers(2, &opens, async move || {
        let (stop, stopped) = oneshot::channel::<()>();
        let stop = Arc::new(Mutex::new(Some(stop)));
        let asks = move |_: &Context| stop.lock().unwrap().take().unwrap().send(()).unwrap();
        let top = Conductor::new("top").player("polite", idle).part(blocks(&gate, asks)).stop_timeout(S);
        let playing = tokio::spawn(top.play_until(async { stopped.await.unwrap() }));
        let report = playing.await.unwrap();
        assert_eq!(named(&report, "top/polite"), Outcome::Stopped, "{report}");
        assert_eq!(named(&report, "top/naughty"), Outcome::Leaked, "{report}");
    });
}

#[test]
fn a_task_that_ends_and_blocks_in_the_drop_of_its_result_does_not_keep_the_loop() {
    struct Blocks(Gate);

    impl Drop for Blocks {
        fn drop(&mut self) {
            self.0.block();
        }
    }

    let gate = Gate::default();
    let opens = gate.clone();
    on_workers(2, &opens, async move || {
        let spawns = with(gate.clone(), async |gate: Gate, cx: Context| {
            let value = Blocks(gate);
            // The task outlives the player, and nothing takes its result.
            drop(cx.spawn("task", async move {
                tokio::task::yield_now().await;
                value
            }));
            Ok::<_, BoxError>(())
        });
        let inner = Conductor::new("inner").part(Part::new("spawns", spawns).job());
        let report =
            Conductor::new("top").part(Part::new("inner", inner).job()).play_until(std::future::pending()).await;
        assert!(report.is_clean(), "{report}");
    });
}

#[test]
fn a_watchdog_notices_a_player_that_blocks_after_a_word_to_the_loop() {
    let gate = Gate::default();
    let opens = gate.clone();
    on_workers(3, &opens, async move || {
        let part = blocks(&gate, Context::ready).signals_ready();
        let part = part.watchdog(200 * MS, OnUnresponsive::Restart).restart(Restart::never());
        let inner = Conductor::new("inner").player("polite", idle).part(part);
        let (handle, playing) = play(Conductor::new("top").stop_timeout(S).player("inner", inner));
        let is_over = |now: &upbeat::diagnostics::Snapshot| {
            now.player("top/inner/naughty").is_some_and(|player| player.state.to_string().contains("leaked"))
        };
        handle.overview().wait_for(is_over).await;
        handle.stop();
        let report = playing.await.unwrap();
        assert_eq!(named(&report, "top/inner/polite"), Outcome::Stopped, "{report}");
    });
}
