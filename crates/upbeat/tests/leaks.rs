//! Nothing is left after a stop, however often there is one.

#[expect(dead_code, reason = "this program uses a part of it")]
#[path = "it/common/mod.rs"]
mod common;

use common::{MS, deaf, idle};
use tokio::{runtime::Handle, task::yield_now, time::sleep};
use upbeat::{
    BoxError, Conductor, Context, Part, exit_code,
    report::Outcome,
    restart::{Backoff, Restart},
    task::Tracker,
    with,
};

/// Has a task that waits for the stop and one that does not, and fails the first time.
async fn helped(cx: Context) -> Result<(), BoxError> {
    let inner = cx.clone();
    drop(cx.spawn("polite", async move { inner.stopping().await }));
    drop(cx.spawn("deaf", std::future::pending::<()>()));
    if cx.attempt() == 0 {
        return Err("once".into());
    }
    cx.stopping().await;
    Ok(())
}

fn shop() -> Conductor {
    let tracker = Tracker::new();
    let web = with(tracker.clone(), |tracker: Tracker, cx: Context| async move {
        tracker.track("mail", sleep(5 * MS))?;
        tracker.track("endless", std::future::pending::<()>())?;
        cx.stopping().await;
        Ok::<_, BoxError>(())
    });
    let soon = Restart::on_failure(Backoff::constant(MS));
    let inner = Conductor::new("inner")
        .part(Part::new("helped", helped).restart(soon).stop_timeout(10 * MS))
        .player("idle", idle)
        .part(Part::new("deaf", deaf).signals_ready().after("idle").stop_timeout(10 * MS));
    Conductor::new("shop")
        .part(Part::new("tracker", tracker).stop_timeout(100 * MS))
        .part(Part::new("web", web).after("tracker"))
        .player("inner", inner)
}

// 20: no task is left, over many runs.
#[tokio::test(start_paused = true)]
async fn no_task_is_left_after_a_thousand_runs() {
    let metrics = Handle::current().metrics();
    let before = metrics.num_alive_tasks();
    for run in 0..1000 {
        let report = shop().play_until(sleep(200 * MS)).await;
        assert_eq!(report.exit_code(), exit_code::OVERRAN, "{report}");
        let outcome = |path| &report.player(path).unwrap().outcome;
        assert_eq!(*outcome("shop/inner/deaf"), Outcome::Overran, "{report}");
        assert_eq!(report.player("shop/inner/helped").unwrap().runs, 2, "{report}");
        assert_eq!(report.player("shop/tracker").unwrap().lost.len(), 1, "{report}");
        // The last task says that it is gone a moment before the runtime has put it away.
        for _ in 0..10 {
            yield_now().await;
        }
        assert_eq!(metrics.num_alive_tasks(), before, "after run {run}: {report}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_task_is_left_after_a_thousand_stops_during_the_start() {
    let metrics = Handle::current().metrics();
    let before = metrics.num_alive_tasks();
    for run in 0..1000 {
        let early = async {
            for _ in 0..run % 40 {
                yield_now().await;
            }
        };
        let report = shop().play_until(early).await;
        for _ in 0..10 {
            yield_now().await;
        }
        assert_eq!(metrics.num_alive_tasks(), before, "after run {run}: {report}");
    }
}
