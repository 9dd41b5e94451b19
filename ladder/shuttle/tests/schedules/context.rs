//! The tree of contexts: each has one reason for its end, and all its waiters are woken.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
};

use upbeat::{BoxError, Conductor, Context, with};

use crate::{
    explore::{MS, Time, explore, pause},
    players::{accounted, outcome},
};

#[test]
fn every_wait_for_the_end_of_a_context_is_woken() {
    explore(Time::WhenIdle, || async {
        let ends = Arc::new(AtomicU32::new(0));
        let player = with(ends.clone(), |ends: Arc<AtomicU32>, cx: Context| async move {
            // Made by one task while another ends what is above it.
            let (top, apart) = (cx.child(), cx.child().child());
            for i in 0..3 {
                let (ends, above) = (ends.clone(), if i == 2 { apart.clone() } else { top.clone() });
                drop(cx.spawn("waits", async move {
                    let below = above.child().with_value(i);
                    pause(1).await;
                    let error = below.child().done().await;
                    assert_eq!(below.error().map(|below| below.to_string()), Some(error.to_string()));
                    ends.fetch_add(1, Ordering::SeqCst);
                }));
            }
            drop(cx.spawn("cancels", async move {
                pause(4).await;
                top.cancel("enough");
            }));
            cx.stopping().await;
            Ok::<_, BoxError>(())
        });
        let report = Conductor::new("shop").player("a", player).play_until(pause(12)).await;
        accounted(&report, &["shop/a"]);
        // Time stands still while any task can run, so a lost wake-up shows as an overrun.
        assert!(report.is_clean(), "{report}");
        let expected = if *outcome(&report, "shop/a") == upbeat::report::Outcome::Stopped { 3 } else { 0 };
        assert_eq!(ends.load(Ordering::SeqCst), expected, "{report}");
    });
}

/// Several tasks cancel and a deadline passes, and all tasks read the same reason, for ever.
#[test]
fn a_context_ends_for_one_reason_only() {
    explore(Time::AtAnyMoment, || async {
        let cx = Context::background().with_timeout(MS * 10);
        let (won, said) = (Arc::new(AtomicU32::new(0)), Arc::new(Mutex::new(Vec::new())));
        let tasks: Vec<_> = (0..3)
            .map(|i| {
                let (cx, won, said) = (cx.clone(), won.clone(), said.clone());
                tokio::spawn(async move {
                    pause(2).await;
                    if let Some(early) = cx.error() {
                        said.lock().unwrap().push(early.to_string());
                    }
                    won.fetch_add(u32::from(cx.cancel(format!("cancelled by {i}"))), Ordering::SeqCst);
                    let told = cx.done().await.to_string();
                    let child = cx.child().done().await.to_string();
                    said.lock().unwrap().extend([told, child]);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let mut said = said.lock().unwrap().clone();
        said.dedup();
        assert_eq!(said.len(), 1, "{said:?}");
        // None of them, if the deadline came first.
        assert!(won.load(Ordering::SeqCst) <= 1, "{said:?}");
    });
}
