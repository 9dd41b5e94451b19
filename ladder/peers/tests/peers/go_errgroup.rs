//! The tests of `golang.org/x/sync/errgroup`: `errgroup_test.go` and
//! `errgroup_example_md5all_test.go`.

use std::{
    error::Error as _,
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use peers::{Event, MS, S, paused, real, settle};
use tokio::time::{sleep, timeout};
use upbeat::{
    BoxError, Context, ContextError,
    limit::{Busy, ConcurrencyLimit},
    panic::Panic,
    task::Group,
};

fn result(error: Option<&'static str>) -> Result<(), BoxError> {
    error.map_or(Ok(()), |error| Err(error.into()))
}

/// Same as `TestZeroGroup`, `TestWithContext`.
#[test]
fn the_first_error_is_the_result() {
    paused(async || {
        let cases: [(&[Option<&str>], Option<&str>); 5] = [
            (&[], None),
            (&[None], None),
            (&[Some("doomed")], Some("doomed")),
            (&[Some("doomed"), None], Some("doomed")),
            (&[Some("doomed"), None, Some("second")], Some("doomed")),
        ];
        for (results, wanted) in cases {
            let group = Group::new(&Context::background());
            let cx = group.context().clone();
            for (i, own) in results.iter().copied().enumerate() {
                group.spawn(format!("task{i}"), async move |_| result(own));
            }
            let waited = group.wait().await;
            let first = waited.as_ref().err().map(|error| error.source().unwrap().to_string());
            assert_eq!(first.as_deref(), wanted);
            assert!(cx.error().is_some(), "its context is done, error or not");
        }
    });
}

/// Same as `TestZeroGroup`, `ExampleGroup_justErrors`: a group that an error does not cancel.
#[test]
fn with_collect_all_the_others_continue_after_an_error() {
    paused(async || {
        let group = Group::new(&Context::background()).collect_all();
        let done = Arc::new(AtomicUsize::new(0));
        for i in 0..3 {
            let done = done.clone();
            group.spawn(format!("fetch{i}"), async move |cx| {
                sleep(MS * i).await;
                assert!(cx.error().is_none());
                done.fetch_add(1, SeqCst);
                result((i == 0).then_some("no such host"))
            });
        }
        let error = group.wait().await.unwrap_err();
        assert_eq!((error.failures().len(), done.load(SeqCst)), (1, 3));
    });
}

/// Differs from `TestZeroGroup`, `TestTryGo`: a group is awaited once. There it can be used again.
#[test]
fn each_round_is_a_new_group() {
    paused(async || {
        for error in [None, Some("one"), None, Some("two")] {
            let group = Group::new(&Context::background());
            group.spawn("task", async move |_| result(error));
            assert_eq!(group.wait().await.is_err(), error.is_some());
        }
    });
}

/// Composed, after `TestTryGo`: each task holds a permit of a `ConcurrencyLimit`.
#[test]
fn a_task_is_refused_if_no_permit_is_free() {
    paused(async || {
        let (limit, release) = (ConcurrencyLimit::new(42), Event::default());
        let group = Group::new(&Context::background());
        let try_go = || {
            let permit = limit.try_acquire()?;
            let release = release.clone();
            group.spawn("task", async move |_| {
                release.wait().await;
                drop(permit);
                result(None)
            });
            Ok::<_, Busy>(())
        };
        for i in 0..42 {
            assert!(try_go().is_ok(), "{i}");
        }
        assert!(try_go().is_err());
        release.set();
        while limit.active() > 0 {
            settle().await;
        }
        assert!(try_go().is_ok());
        assert_eq!(group.wait().await.unwrap().len(), 43);
    });
}

/// Differs from the end of `TestTryGo`: there is at least one task. There it blocks everything.
#[test]
fn a_limit_of_zero_runs_one_task() {
    paused(async || {
        let group = Group::new(&Context::background()).max_tasks(0);
        for i in 0..10 {
            group.spawn(format!("task{i}"), async |_| result(None));
        }
        assert_eq!(timeout(S, group.wait()).await.expect("they run").unwrap().len(), 10);
    });
}

/// Same as `TestGoLimit`: for callers that wait for a permit, and for others.
#[test]
fn no_more_tasks_run_than_the_limit() {
    real(2, async || {
        const LIMIT: usize = 10;
        for waits in [true, false] {
            let group = Group::new(&Context::background()).max_tasks(LIMIT);
            let active = Arc::new(AtomicUsize::new(0));
            for i in 0..1025 {
                let active = active.clone();
                let work = async move |_: Context| {
                    let n = active.fetch_add(1, SeqCst) + 1;
                    tokio::task::yield_now().await;
                    active.fetch_sub(1, SeqCst);
                    if n > LIMIT { Err(BoxError::from(format!("{n} are active"))) } else { Ok(i) }
                };
                if waits {
                    group.reserve().await.spawn(format!("task{i}"), work);
                } else {
                    group.spawn(format!("task{i}"), work);
                }
            }
            assert_eq!(group.wait().await.unwrap(), (0..1025).collect::<Vec<_>>());
        }
    });
}

/// Same as `TestCancelCause`.
#[test]
fn the_context_of_the_group_has_the_error_as_its_cause() {
    paused(async || {
        for (errors, wanted) in [
            (vec![], None),
            (vec![None], None),
            (vec![Some("doomed")], Some("doomed")),
            (vec![Some("doomed"), None], Some("doomed")),
        ] {
            let group = Group::new(&Context::background());
            let cx = group.context().clone();
            for error in errors {
                group.spawn("task", async move |_| result(error));
            }
            assert_eq!(group.wait().await.is_err(), wanted.is_some());
            let ContextError::Canceled { cause } = cx.error().unwrap() else { panic!("it is cancelled") };
            let root = cause.source().map(ToString::to_string);
            assert_eq!(root.as_deref(), wanted, "{cause}");
        }
    });
}

/// Same as `ExampleGroup_parallel`.
#[test]
fn results_of_concurrent_tasks_are_in_order() {
    paused(async || {
        let group = Group::new(&Context::background());
        for (kind, takes) in [("web", 30), ("image", 10), ("video", 20)] {
            group.spawn(kind, async move |_| {
                sleep(takes * MS).await;
                Ok::<_, BoxError>(format!("{kind} result for golang"))
            });
        }
        let start = tokio::time::Instant::now();
        let results = group.wait().await.unwrap();
        assert_eq!(results, ["web", "image", "video"].map(|kind| format!("{kind} result for golang")));
        assert_eq!(start.elapsed(), 30 * MS);
    });
}

/// Same as `ExampleGroup_pipeline`: nothing leaks.
#[test]
fn a_failed_stage_ends_the_stages_before_it() {
    paused(async || {
        let held = Arc::new(());
        let group = Group::new(&Context::background());
        let (paths, given) = tokio::sync::mpsc::channel(1);
        let walk = held.clone();
        group.spawn("walk", async move |cx: Context| {
            for path in 0.. {
                // Go's `select` between the channel and the context.
                cx.unless_done(paths.send(path)).await?.map_err(BoxError::from)?;
            }
            drop(walk);
            Ok::<_, BoxError>(())
        });
        let given = Arc::new(tokio::sync::Mutex::new(given));
        for i in 0..3 {
            let (given, held) = (given.clone(), held.clone());
            group.spawn(format!("digest{i}"), async move |cx: Context| {
                while let Some(path) = cx.unless_done(async { given.lock().await.recv().await }).await? {
                    if path == 7 {
                        return Err(BoxError::from("permission denied"));
                    }
                }
                drop(held);
                Ok(())
            });
        }
        drop(given);
        let error = timeout(S, group.wait()).await.expect("all end").unwrap_err();
        assert_eq!(error.source().unwrap().to_string(), "permission denied");
        assert_eq!(Arc::strong_count(&held), 1);
    });
}

/// Differs from version 0.12: a panic is the error of its task. There it ends the process.
#[test]
fn a_panic_is_the_error_of_its_task_and_cancels_the_others() {
    paused(async || {
        let group = Group::<()>::new(&Context::background());
        group.spawn("panics", async |_| -> Result<(), BoxError> { panic!("broken") });
        group.spawn("waits", async |cx: Context| Err(cx.done().await));
        let error = timeout(S, group.wait()).await.expect("it ends").unwrap_err();
        assert_eq!(error.failures()[0].panic().map(Panic::message), Some("broken"));
        assert_eq!(error.failures().len(), 2);
    });
}

/// Same as `WithContext`.
#[test]
fn a_group_ends_with_its_context() {
    paused(async || {
        let parent = Context::background().with_timeout(10 * MS);
        let group = Group::<()>::new(&parent);
        group.spawn("waits", async |cx: Context| Err(cx.done().await));
        let error = timeout(S, group.wait()).await.expect("it ends").unwrap_err();
        assert_eq!(error.source().unwrap().to_string(), "deadline exceeded");
        // Dropping a group aborts a task that does not observe its context.
        let held = Arc::new(());
        let group = Group::<()>::new(&Context::background());
        let inside = held.clone();
        group.spawn("deaf", async move |_| {
            pending::<()>().await;
            drop(inside);
            result(None)
        });
        settle().await;
        drop(group);
        sleep(MS).await;
        assert_eq!(Arc::strong_count(&held), 1);
    });
}
