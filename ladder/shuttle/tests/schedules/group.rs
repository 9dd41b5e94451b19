//! Groups of tasks under one context.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use upbeat::{BoxError, Context, task::Group};

use crate::explore::{Time, explore, pause, settle};

#[test]
fn values_are_in_the_order_of_spawning() {
    explore(Time::WhenIdle, || async {
        let group = Group::new(&Context::background()).max_tasks(2);
        let running = Arc::new(AtomicU32::new(0));
        for i in 0..5 {
            let running = running.clone();
            let work = async move |_: Context| {
                assert!(running.fetch_add(1, Ordering::SeqCst) < 2, "too many at once");
                pause(2).await;
                running.fetch_sub(1, Ordering::SeqCst);
                Ok::<_, BoxError>(i)
            };
            if i % 2 == 0 { group.spawn("at once", work) } else { group.reserve().await.spawn("reserved", work) }
        }
        assert_eq!(group.wait().await.unwrap(), [0, 1, 2, 3, 4]);
    });
}

#[test]
fn a_failure_ends_the_group_and_no_failure_is_lost() {
    explore(Time::WhenIdle, || async {
        let here = Arc::new(());
        let group = Group::new(&Context::background()).max_tasks(3);
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
        assert_eq!(Arc::strong_count(&here), 1, "a task has outlived the group: {error}");
        assert!(cx.error().is_some());
        // All five fail: by their own error, by the cancellation, or because they did not begin.
        assert_eq!(error.failures().len(), 5, "{error}");
        assert!(error.failures()[0].to_string().ends_with("out of luck"), "{error}");
    });
}

#[test]
fn a_dropped_group_leaves_no_task() {
    explore(Time::WhenIdle, || async {
        let here = Arc::new(());
        let work = async {
            let group = Group::new(&Context::background()).max_tasks(2);
            for i in 0..4 {
                let here = here.clone();
                let ignores = async move |_: Context| {
                    std::future::pending::<()>().await;
                    drop(here);
                    Ok::<_, BoxError>(())
                };
                if i < 3 { group.spawn("ignores", ignores) } else { group.reserve().await.spawn("ignores", ignores) }
            }
            drop(group.wait().await);
        };
        tokio::select! {
            biased;
            () = work => panic!("the work ends"),
            () = pause(8) => {}
        }
        settle().await;
        assert_eq!(Arc::strong_count(&here), 1);
    });
}
