//! Groups of tasks under one context.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use upbeat::{BoxError, Context, task::Group};

use crate::explore::{Time, explore, pause, settle};

#[test]
fn all_values_come_in_order() {
    explore(Time::WhenIdle, || async {
        let group = Group::new(&Context::background()).at_most(2);
        let running = Arc::new(AtomicU32::new(0));
        for i in 0..5 {
            let running = running.clone();
            let work = async move |_: Context| {
                assert!(running.fetch_add(1, Ordering::SeqCst) < 2, "too many at once");
                pause(2).await;
                running.fetch_sub(1, Ordering::SeqCst);
                Ok::<_, BoxError>(i)
            };
            if i % 2 == 0 { group.spawn("at once", work) } else { group.spawn_when_free("when free", work).await }
        }
        assert_eq!(group.wait().await.unwrap(), [0, 1, 2, 3, 4]);
    });
}

#[test]
fn a_failure_ends_all_of_it_and_no_failure_is_lost() {
    explore(Time::WhenIdle, || async {
        let here = Arc::new(());
        let group = Group::new(&Context::background()).at_most(3);
        for i in 0..5 {
            let here = here.clone();
            group.spawn(format!("{i}"), async move |cx: Context| {
                pause(2).await;
                if i == 1 || i == 3 {
                    return Err(BoxError::from("out of luck"));
                }
                let error = cx.done().await;
                pause(1).await;
                drop(here);
                Err::<(), _>(error.into())
            });
        }
        let cx = group.context().clone();
        let error = group.wait().await.unwrap_err();
        assert_eq!(Arc::strong_count(&here), 1, "somebody has outlived the group: {error}");
        assert!(cx.error().is_some());
        // All five fail: by themselves, because of that, or because they did not begin.
        assert_eq!(error.failures().len(), 5, "{error}");
        assert!(error.failures()[0].to_string().ends_with("out of luck"), "{error}");
    });
}

#[test]
fn a_group_that_is_dropped_leaves_nobody() {
    explore(Time::WhenIdle, || async {
        let here = Arc::new(());
        let work = async {
            let group = Group::new(&Context::background()).at_most(2);
            for i in 0..4 {
                let here = here.clone();
                let deaf = async move |_: Context| {
                    std::future::pending::<()>().await;
                    drop(here);
                    Ok::<_, BoxError>(())
                };
                if i < 3 { group.spawn("deaf", deaf) } else { group.spawn_when_free("deaf", deaf).await }
            }
            drop(group.wait().await);
        };
        tokio::select! {
            biased;
            () = work => panic!("it ends"),
            () = pause(8) => {}
        }
        settle().await;
        assert_eq!(Arc::strong_count(&here), 1);
    });
}
