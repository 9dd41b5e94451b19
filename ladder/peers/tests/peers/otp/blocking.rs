//! Children that block their thread.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use peers::{MS, S, Scripted, block_thread, idle, playing, real, until};
use tokio::time::{sleep, timeout};
use upbeat::{BoxError, Conductor, Context, Handle, Part, report::Outcome, score::OnFailure, with};

use super::{permanent, sup};

/// A thread that is blocked until this is dropped.
#[derive(Debug, Default)]
struct Blocked {
    begun: Arc<AtomicBool>,
    released: Arc<AtomicBool>,
}

impl Drop for Blocked {
    fn drop(&mut self) {
        self.released.store(true, SeqCst);
    }
}

impl Blocked {
    /// Waits until the thread is blocked.
    ///
    /// A waker would do what this suite tests: a blocked worker keeps the task that it has woken.
    async fn begun(&self) {
        while !self.begun.load(SeqCst) {
            sleep(MS).await;
        }
    }

    /// A part that blocks its thread in its first poll, perhaps after `ready`.
    fn part(&self, ready: bool) -> Part {
        let state = (self.begun.clone(), self.released.clone(), ready);
        let blocking =
            with(state, async |(begun, released, ready): (Arc<AtomicBool>, Arc<AtomicBool>, bool), cx: Context| {
                if ready {
                    cx.ready();
                }
                begun.store(true, SeqCst);
                while !released.load(SeqCst) {
                    block_thread(5 * MS);
                }
                Ok::<_, BoxError>(())
            });
        let part = Part::new("blocking", blocking).stop_timeout(200 * MS).on_failure(OnFailure::Ignore);
        if ready { part.signals_ready() } else { part }
    }
}

/// Requests a stop of such a part, which stays blocked. Meanwhile the conductor executes other
/// requests.
async fn stops_a_blocking_part(handle: Handle, ready: bool) {
    until(&handle, "keeper", "ready").await;
    let blocked = Blocked::default();
    handle.add(blocked.part(ready)).await.unwrap();
    blocked.begun().await;
    let blocking = handle.part("blocking");
    let ended = tokio::spawn(async move { blocking.stop().await });
    let child = Scripted::new();
    handle.add(permanent("child", &child)).await.unwrap();
    child.started(1).await;
    handle.part("child").remove().await.unwrap();
    let ended = timeout(30 * S, ended).await.expect("the part is left behind").unwrap().unwrap();
    assert_eq!(ended.outcome, Outcome::Leaked);
    handle.stop();
}

/// Same as `child_unlink`: the part is left behind, and the conductor continues.
#[test]
fn a_part_that_blocks_its_thread_does_not_delay_the_conductor() {
    real(3, async || {
        let (handle, playing) = playing(sup());
        stops_a_blocking_part(handle, false).await;
        assert_eq!(playing.await.unwrap().exit_code(), 124);
    });
}

/// Same as `child_unlink`.
#[test]
fn a_part_that_blocks_after_ready_does_not_delay_a_conductor_on_the_main_thread() {
    real(3, async || {
        let sup = sup();
        let stopped = tokio::spawn(stops_a_blocking_part(sup.handle(), true));
        let report = sup.play_until(pending()).await;
        stopped.await.unwrap();
        assert_eq!(report.exit_code(), 124);
    });
}

/// Same as `child_unlink`.
#[test]
fn a_part_that_blocks_after_ready_does_not_delay_a_conductor_on_a_task() {
    real(3, async || {
        let (handle, playing) = playing(sup());
        stops_a_blocking_part(handle, true).await;
        assert_eq!(playing.await.unwrap().exit_code(), 124);
    });
}

/// Same as `child_unlink`.
#[test]
fn a_part_that_blocks_after_ready_is_named_in_a_nested_conductor() {
    real(3, async || {
        let blocked = Blocked::default();
        let inner = Conductor::new("inner").player("idle", idle).part(blocked.part(true));
        let top = Conductor::new("top").stop_timeout(2 * S).player("inner", inner);
        let report = top.play_until(blocked.begun()).await;
        let blocking = report.player("top/inner/blocking").map(|blocking| blocking.outcome.clone());
        assert_eq!(blocking, Some(Outcome::Leaked), "{report}");
        assert_eq!(report.player("top/inner/idle").unwrap().outcome, Outcome::Stopped);
    });
}
