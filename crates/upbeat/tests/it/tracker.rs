//! Accepted work is finished, or reported as lost.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering::Relaxed},
};

use crate::common::{MS, S, idle};
use tokio::time::{Instant, sleep};
use upbeat::{BoxError, Conductor, Context, Part, exit_code, report::Outcome, task::Tracker, with};

/// Returns a player that tracks `events` pieces of work of 1 ms as soon as it is asked to stop,
/// like a handler in the last moment.
fn handler(tracker: &Tracker, done: &Arc<AtomicU32>, events: u32) -> impl upbeat::Player {
    with((tracker.clone(), done.clone()), move |(tracker, done): (Tracker, Arc<AtomicU32>), cx: Context| async move {
        cx.stopping().await;
        for i in 0..events {
            let done = done.clone();
            let work = async move {
                sleep(MS).await;
                done.fetch_add(1, Relaxed);
            };
            tracker.track(format!("event {i}"), work)?;
        }
        Ok::<_, BoxError>(())
    })
}

fn shop(tracker: Tracker, handler: impl upbeat::Player) -> Conductor {
    Conductor::new("shop").part(Part::new("tracker", tracker)).part(Part::new("web", handler).after("tracker"))
}

#[tokio::test(start_paused = true)]
async fn all_accepted_work_is_finished_before_the_end() {
    let (tracker, done) = (Tracker::builder().max_running(4).build(), Arc::default());
    let web = handler(&tracker, &done, 10_000);
    let report = shop(tracker, web).play_until(sleep(S)).await;
    assert_eq!(done.load(Relaxed), 10_000);
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.player("shop/tracker").unwrap().notes, ["10000 finished, 0 lost"]);
}

#[tokio::test(start_paused = true)]
async fn lost_work_is_reported_by_number_and_name() {
    let (tracker, done) = (Tracker::builder().max_running(1).build(), Arc::<AtomicU32>::default());
    let web = handler(&tracker, &done, 3_000);
    let report = shop(tracker, web).stop_timeout(S).play_until(sleep(S)).await;
    let done = done.load(Relaxed);
    assert!(done > 500 && done < 1_000, "{done}");
    let tracker = report.player("shop/tracker").unwrap();
    assert_eq!(tracker.lost.len() as u64 + tracker.omitted_lost, u64::from(3_000 - done));
    assert!(tracker.lost[0].starts_with(&format!("event {done}, open for ")), "{}", tracker.lost[0]);
    assert_eq!(report.exit_code(), exit_code::OVERRAN);
}

#[tokio::test(start_paused = true)]
async fn a_closed_tracker_rejects_work() {
    let tracker = Tracker::new();
    let counted = Arc::new(());
    tracker.shutdown(Instant::now()).await;
    let held = counted.clone();
    let closed = tracker.track("late", async move { drop(held) }).unwrap_err();
    assert_eq!(closed.name(), "late");
    assert_eq!(Arc::strong_count(&counted), 1, "the rejected work is kept");
}

#[tokio::test(start_paused = true)]
async fn errors_and_panics_fail_the_tracker() {
    let tracker = Tracker::new();
    let part = Part::new("tracker", tracker.clone());
    let shop = Conductor::new("shop").part(part).player("other", idle);
    let overview = shop.handle().overview();
    let report = shop
        .play_until(async {
            overview.wait_ready().await;
            tracker.track("fine", async {}).unwrap();
            tracker.track("fails", async { Err::<(), _>(BoxError::from("no route")) }).unwrap();
            let panics = async { [(); 0].first().copied().expect("no luck") };
            tracker.track("panics", panics).unwrap();
        })
        .await;
    let tracker = report.player("shop/tracker").unwrap();
    assert_eq!(tracker.outcome, Outcome::Failed);
    let error = tracker.failures[0].to_string();
    assert!(error.contains("2 of 3 failed") && error.contains("task `panics`: panicked: no luck"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn reserve_waits_for_a_permit() {
    let tracker = Tracker::builder().max_running(2).build();
    let begun = Instant::now();
    for _ in 0..6 {
        tracker.reserve().await.track("slow", sleep(S)).unwrap();
        assert!(tracker.open() <= 2);
    }
    assert_eq!(begun.elapsed(), 2 * S, "the fifth began when the third ended");
    let end = tracker.shutdown(Instant::now() + 10 * S).await;
    assert_eq!((end.finished, end.lost.len()), (6, 0));
}

/// Work that waits for a permit of its own tracker ends only with the stop, and a dump names what
/// holds the permit and what waits for it.
#[tokio::test(start_paused = true)]
async fn a_dump_names_the_work_that_holds_a_permit_and_the_work_that_waits() {
    let tracker = Tracker::builder().max_running(1).build();
    let shop = Conductor::new("shop").player("tracker", tracker.clone());
    let overview = shop.handle().overview();
    let look = async {
        overview.wait_ready().await;
        let own = tracker.clone();
        let outer = async move { own.reserve().await.track("inner", async {}) };
        tracker.track("outer", async move { outer.await.map_err(BoxError::from) }).unwrap();
        tracker.track("queued", async {}).unwrap();
        sleep(S).await;
        let dump = overview.dump(S).await.to_string();
        assert!(dump.contains("queued (waits for a permit)"), "{dump}");
        assert!(dump.contains("outer for") && dump.contains("batch_semaphore"), "{dump}");
    };
    let report = shop.stop_timeout(S).play_until(look).await;
    assert_eq!(report.exit_code(), exit_code::OVERRAN, "{report}");
    let lost = &report.player("shop/tracker").unwrap().lost;
    assert!(lost.len() == 2 && lost[0].starts_with("outer") && lost[1].starts_with("queued"), "{report}");
}
