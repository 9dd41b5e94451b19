//! The tests of peers that count memory: of Go's context, of `supervisor_SUITE` of Erlang/OTP, and
//! `memory_leaks.rs` of governor.
//!
//! Allocations are counted for one thread, on which a test and its tasks run.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::{
    future::Future,
    io,
    pin::pin,
    task::{Context as TaskContext, Waker},
    time::Duration,
};

use allocation_counter::measure;
use peers::{MS, S, idle, playing, settle, stop_cleanly, until};
use tokio::{
    runtime::{Builder, Runtime},
    time::{sleep, timeout},
};
use upbeat::{
    BoxError, Conductor, Context, Part,
    limit::{KeyedConcurrencyLimit, KeyedRateLimit, Rate, RateLimit},
    once,
    restart::{Backoff, Restart},
    score::OnFailure,
    task::Tracker,
};

/// Returns a runtime of this thread with a paused clock.
fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

/// Returns by how many bytes the thread holds more after `work`.
fn growth(runtime: &Runtime, work: impl Future<Output = ()>) -> i64 {
    let work = Box::pin(work);
    measure(|| runtime.block_on(work)).bytes_current
}

/// Returns the number of allocations of one call, rounded up.
fn allocations(call: impl Fn()) -> u64 {
    call();
    measure(|| (0..100).for_each(|_| call())).count_total.div_ceil(100)
}

fn assert_done(cx: &Context) {
    assert!(pin!(cx.done()).poll(&mut TaskContext::from_waker(Waker::noop())).is_ready());
}

fn keeper() -> Conductor {
    Conductor::new("sup").player("keeper", idle)
}

/// Differs from `TestAllocs` in Go's context: each background is a new tree, and costs allocations.
/// There it costs none.
#[test]
fn deriving_and_cancelling_take_few_allocations() {
    let runtime = runtime();
    let _entered = runtime.enter();
    let cx = Context::background();
    let background = allocations(|| drop(Context::background()));
    let value = allocations(|| assert!(cx.with_value(7).value::<i32>().is_some()));
    let timeout = allocations(|| assert_done(&cx.with_timeout(Duration::ZERO)));
    let cancel = allocations(|| {
        let child = cx.child();
        child.cancel(io::Error::from(io::ErrorKind::Other));
        assert_done(&child);
    });
    let both = allocations(|| {
        let child = cx.with_timeout(5 * MS);
        child.cancel(io::Error::from(io::ErrorKind::Other));
        assert_done(&child);
    });
    println!("allocations: background {background}, value {value}, timeout {timeout}, cancel {cancel}, both {both}");
    assert!(value <= 3 && timeout <= 12 && cancel <= 5 && both <= 8);
    assert!(background <= 12, "{background}");
}

/// Same as `XTestCancelRemoves` in Go's context: a derived context is not kept by its parent,
/// whether it was awaited or not.
#[test]
fn a_context_does_not_grow_with_dropped_children() {
    let runtime = runtime();
    let parent = Context::background().child();
    let children = async |many: usize| {
        for i in 0..many {
            let child = match i % 4 {
                0 => parent.child(),
                1 => parent.with_timeout(S * 3600),
                2 => parent.with_value(i),
                _ => parent.child().child(),
            };
            if i % 2 == 0 {
                assert!(timeout(Duration::ZERO, child.done()).await.is_err());
            }
            if i % 3 == 0 {
                child.cancel("enough");
            }
        }
    };
    runtime.block_on(children(100));
    let grown = growth(&runtime, children(20_000));
    assert!(grown < 20_000, "{grown} bytes");
}

/// Differs from `XTestCancelRemoves` in Go's context: a cancelled child is released when its last
/// clone is dropped. There the cancellation releases it.
#[test]
fn a_cancelled_child_is_released_by_its_last_drop() {
    let parent = Context::background().child();
    let child = parent.child();
    child.cancel("enough");
    assert!(!parent.is_unique());
    drop(child);
    assert!(parent.is_unique());
}

/// Returns what is left of each part that was added and removed, in bytes.
fn left_of(part: impl Fn(usize) -> Part, ends_itself: bool) -> i64 {
    const MANY: usize = 5000;
    let runtime = runtime();
    let (handle, playing) = runtime.block_on(async { playing(keeper()) });
    let round = async |from: usize, many: usize| {
        for i in from..from + many {
            handle.add(part(i)).await.unwrap();
            if ends_itself {
                sleep(MS).await;
            }
            handle.part(&format!("c{i}")).remove().await.unwrap();
        }
        settle().await;
    };
    runtime.block_on(async {
        until(&handle, "keeper", "ready").await;
        round(0, 100).await;
    });
    let left = growth(&runtime, round(100, MANY));
    runtime.block_on(stop_cleanly(&handle, playing));
    left / i64::try_from(MANY).unwrap()
}

/// Same as `simple_one_for_one_corruption`, `do_not_save_child_specs_for_temporary_children`.
#[test]
fn removed_parts_leave_nothing() {
    let plays = left_of(|i| Part::new(format!("c{i}"), idle).stop_timeout(S), false);
    let ends = |i| Part::new(format!("c{i}"), async |_| Ok::<_, BoxError>(())).job();
    let ended = left_of(ends, true);
    let fails = |i| {
        let fails = async |cx: Context| {
            cx.note("a note");
            cx.report_lost("something");
            Err::<(), _>(BoxError::from("broken"))
        };
        Part::new(format!("c{i}"), fails).on_failure(OnFailure::Ignore)
    };
    let failed = left_of(fails, true);
    assert!(plays < 8 && ended < 8 && failed < 8, "{plays}, {ended}, {failed} bytes for each");
}

/// Same as `do_not_save_start_parameters_for_temporary_children`.
#[test]
fn an_ended_part_of_one_run_keeps_little() {
    let runtime = runtime();
    let (handle, playing) = runtime.block_on(async { playing(keeper()) });
    runtime.block_on(until(&handle, "keeper", "ready"));
    let grown = growth(&runtime, async {
        for i in 0..1000 {
            let given = vec![0_u8; 1000];
            let child = once(async move |_: Context| {
                drop(given);
                Ok::<_, BoxError>(())
            });
            handle.add(Part::new(format!("c{i}"), child).job()).await.unwrap();
        }
        sleep(S).await;
    });
    let each = grown / 1000;
    assert!(each < 900, "{each} bytes for each part that has ended and is known");
    runtime.block_on(stop_cleanly(&handle, playing));
}

/// Same as `multiple_restarts`, many times.
#[test]
fn a_conductor_does_not_grow_with_restarts() {
    let runtime = runtime();
    let fails = async |cx: Context| {
        cx.note("again");
        sleep(MS).await;
        Err::<(), _>(BoxError::from("broken"))
    };
    let policy = Restart::on_failure(Backoff::constant(Duration::ZERO));
    let conductor = keeper().part(Part::new("fails", fails).restart(policy));
    let (handle, playing) = runtime.block_on(async { playing(conductor) });
    runtime.block_on(async { sleep(S).await });
    let grown = growth(&runtime, async { sleep(S * 60).await });
    let runs = handle.overview().snapshot().player("sup/fails").unwrap().runs;
    assert!(runs > 3000, "{runs}");
    assert!(grown < 20_000, "{grown} bytes after {runs} runs");
    handle.stop();
    drop(runtime.block_on(playing).unwrap());
}

/// Same as `memleak_gcra`, `memleak_gcra_threaded`, `memleak_keyed`.
#[test]
fn limits_do_not_grow_with_their_use() {
    let runtime = runtime();
    let limit = RateLimit::new(Rate::per_second(1_000_000));
    let keyed = KeyedRateLimit::with_capacity(Rate::per_second(50), 1000);
    let (permits, cx) = (KeyedConcurrencyLimit::new(1), Context::background());
    let round = async |many: u32| {
        for i in 0..many {
            let _ = limit.try_acquire();
            let _ = keyed.try_acquire(&(i % 3000));
            drop(permits.acquire(&cx, &i).await.unwrap());
        }
    };
    runtime.block_on(round(10_000));
    let grown = growth(&runtime, round(100_000));
    assert!(grown < 20_000, "{grown} bytes");
    assert!(keyed.len() <= 1000 && permits.is_empty());
}

/// Same: the other suites leave it out.
#[test]
fn a_tracker_does_not_grow_with_finished_work() {
    let runtime = runtime();
    let tracker = Tracker::new();
    let round = async |many: usize| {
        for i in 0..many {
            let work = async move { if i % 2 == 0 { Ok(()) } else { Err(BoxError::from("broken")) } };
            tracker.track("work", work).unwrap();
            if i % 100 == 0 {
                settle().await;
            }
        }
        settle().await;
    };
    runtime.block_on(round(500));
    let grown = growth(&runtime, round(20_000));
    assert!(tracker.open() == 0 && grown < 20_000, "{grown} bytes");
}
