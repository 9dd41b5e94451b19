//! Stop requests reach all waiters, and spawned tasks are joined.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use upbeat::{BoxError, Conductor, Context, report::Outcome, with};

use crate::{
    explore::{MS, Time, explore, pause},
    players::{accounted, outcome},
};

#[test]
fn every_wait_is_woken() {
    explore(Time::WhenIdle, || async {
        let woken = Arc::new(AtomicU32::new(0));
        let player = with(woken.clone(), |woken: Arc<AtomicU32>, cx: Context| async move {
            for _ in 0..3 {
                let (woken, helper) = (woken.clone(), cx.clone());
                drop(cx.spawn("helper", async move {
                    // A wait that is given up makes a place free that another takes.
                    let _ = helper.unless_stopping(pause(2)).await;
                    helper.stopping().await;
                    woken.fetch_add(1, Ordering::SeqCst);
                }));
            }
            // Several waits of one task.
            let (first, second) = (cx.stopping(), cx.stopping());
            tokio::select! {
                () = first => {}
                () = pause(4) => {}
            }
            second.await;
            cx.stopping().await;
            woken.fetch_add(1, Ordering::SeqCst);
            Ok::<_, BoxError>(())
        });
        let report = Conductor::new("shop").player("a", player).play_until(pause(10)).await;
        accounted(&report, &["shop/a"]);
        // Time stands still while any task can run, so a lost wake-up shows as an overrun.
        let expected = if *outcome(&report, "shop/a") == Outcome::Stopped { 4 } else { 0 };
        assert!(report.is_clean(), "{report}");
        assert_eq!(woken.load(Ordering::SeqCst), expected, "{report}");
    });
}

#[test]
fn a_wait_that_moves_to_another_task_is_woken_there() {
    explore(Time::WhenIdle, || async {
        let player = |cx: Context| async move {
            let mut wait = Box::pin(cx.stopping());
            tokio::select! {
                biased;
                () = &mut wait => return Ok(()),
                () = pause(2) => {}
            }
            cx.spawn("other", wait).await.map_err(BoxError::from)
        };
        let report = Conductor::new("shop").player("a", player).play_until(pause(8)).await;
        assert!(report.is_clean(), "{report}");
    });
}

#[test]
fn what_is_spawned_is_joined() {
    explore(Time::WhenIdle, || async {
        let (begun, done) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let counts = (begun.clone(), done.clone());
        let player = with(counts, |(begun, done): (Arc<AtomicU32>, Arc<AtomicU32>), cx: Context| async move {
            // Each spawns the next, also after the player has returned.
            fn chain(cx: &Context, left: u32, begun: Arc<AtomicU32>, done: Arc<AtomicU32>) {
                begun.fetch_add(1, Ordering::SeqCst);
                let inside = cx.clone();
                drop(cx.spawn("link", async move {
                    pause(2).await;
                    if left > 0 {
                        chain(&inside, left - 1, begun, done.clone());
                    }
                    inside.stopping().await;
                    tokio::time::sleep(MS).await;
                    done.fetch_add(1, Ordering::SeqCst);
                }));
            }
            chain(&cx, 2, begun, done);
            let _ = cx.unless_stopping(pause(4)).await;
            Ok::<_, BoxError>(())
        });
        let job = upbeat::Part::new("a", player).job();
        let report = Conductor::new("shop").part(job).play_until(pause(10)).await;
        accounted(&report, &["shop/a"]);
        assert!(report.is_clean(), "{report}");
        assert_eq!(begun.load(Ordering::SeqCst), done.load(Ordering::SeqCst), "{report}");
    });
}

#[test]
fn what_is_spawned_is_aborted_with_its_run() {
    explore(Time::WhenIdle, || async {
        let here = Arc::new(());
        let player = with(here.clone(), |here: Arc<()>, cx: Context| async move {
            for _ in 0..3 {
                let here = here.clone();
                drop(cx.spawn("deaf", async move {
                    std::future::pending::<()>().await;
                    drop(here);
                }));
                pause(1).await;
            }
            cx.stopping().await;
            Ok::<_, BoxError>(())
        });
        let report = Conductor::new("shop").stop_timeout(MS * 100).player("a", player).play_until(pause(10)).await;
        accounted(&report, &["shop/a"]);
        assert_eq!(Arc::strong_count(&here), 1, "{report}");
        assert_ne!(*outcome(&report, "shop/a"), Outcome::Leaked, "{report}");
    });
}
