//! Several tasks under one context.

use std::{
    error::Error as _,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use crate::common::{Log, MS, S};
use proptest::prelude::*;
use tokio::{
    runtime::Handle,
    time::{Instant, sleep},
};
use upbeat::{
    BoxError, Conductor, Context, ContextError,
    task::{Group, GroupError},
    with,
};

/// Counts how many of it run at the same time, and the maximum.
#[derive(Clone, Default)]
struct Busy(Arc<[AtomicUsize; 2]>);

impl Busy {
    async fn work(&self) -> Result<(), BoxError> {
        let now = self.0[0].fetch_add(1, Relaxed) + 1;
        self.0[1].fetch_max(now, Relaxed);
        sleep(MS).await;
        self.0[0].fetch_sub(1, Relaxed);
        Ok(())
    }

    fn max(&self) -> usize {
        self.0[1].load(Relaxed)
    }
}

fn failures<T>(error: &GroupError<T>) -> Vec<String> {
    error.failures().iter().map(ToString::to_string).collect()
}

/// Lets the runtime drop tasks that have ended or were aborted.
async fn settle() {
    for _ in 0..8 {
        tokio::task::yield_now().await;
    }
}

fn alive() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

#[tokio::test(start_paused = true)]
async fn values_are_in_the_order_of_spawning() {
    let group = Group::new(&Context::background());
    for i in 0..100_u32 {
        group.spawn(format!("{i}"), async move |_| {
            sleep((100 - i) * MS).await;
            Ok::<_, BoxError>(i)
        });
    }
    assert_eq!(group.wait().await.unwrap(), (0..100).collect::<Vec<_>>());
    assert_eq!(Group::<()>::new(&Context::background()).wait().await.unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn the_first_failure_cancels_the_others_and_comes_first() {
    let cx = Context::background();
    let group = Group::new(&cx);
    for name in ["a", "b"] {
        group.spawn(name, async |cx: Context| Err::<u32, _>(cx.done().await));
    }
    group.spawn("quick", async |_| Ok::<_, BoxError>(7));
    group.spawn("fails", async |_| {
        sleep(S).await;
        Err(BoxError::from("no route"))
    });
    let begun = Instant::now();
    let error = group.wait().await.unwrap_err();
    assert_eq!(begun.elapsed(), S);
    let because = "canceled: task `fails` failed: no route";
    let all = ["task `fails`: no route", &format!("task `a`: {because}"), &format!("task `b`: {because}")];
    assert_eq!(failures(&error), all);
    assert_eq!(error.to_string(), "3 of 4 tasks failed, first: task `fails`");
    assert_eq!(error.source().unwrap().to_string(), "no route");
    assert_eq!(error.values(), [None, None, Some(7), None]);
    assert!(cx.error().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_call_a_poll_or_a_drop_is_a_failure() {
    struct PanicsInDrop;
    impl Drop for PanicsInDrop {
        fn drop(&mut self) {
            panic!("in its drop");
        }
    }
    let group = Group::<()>::new(&Context::background()).collect_all();
    group.spawn("when called", |cx: Context| {
        assert!(cx.is_stopping(), "when called");
        std::future::ready(Ok::<_, BoxError>(()))
    });
    group.spawn("when polled", async |cx: Context| {
        sleep(S).await;
        assert!(cx.is_stopping(), "when polled");
        Ok::<_, BoxError>(())
    });
    group.spawn("when dropped", |_| {
        let bomb = PanicsInDrop;
        std::future::poll_fn(move |_| {
            let _held = &bomb;
            std::task::Poll::Ready(Ok::<_, BoxError>(()))
        })
    });
    let error = group.wait().await.unwrap_err();
    let panics: Vec<_> = error.failures().iter().map(|failure| failure.panic().unwrap().message()).collect();
    assert_eq!(panics, ["when called", "in its drop", "when polled"]);
    assert!(error.failures()[0].panic().unwrap().location().unwrap().contains("group.rs"));
}

#[tokio::test(start_paused = true)]
async fn collect_all_runs_all_tasks_and_keeps_all_failures() {
    let group = Group::new(&Context::background()).collect_all();
    for i in 0..6_u32 {
        group.spawn(format!("{i}"), async move |cx: Context| {
            sleep(i * MS).await;
            assert!(cx.error().is_none());
            if i.is_multiple_of(2) { Ok(i) } else { Err(format!("odd {i}")) }
        });
    }
    let error = group.wait().await.unwrap_err();
    assert_eq!(failures(&error), ["task `1`: odd 1", "task `3`: odd 3", "task `5`: odd 5"]);
    assert_eq!(error.into_values(), [Some(0), None, Some(2), None, Some(4), None]);
}

#[tokio::test(start_paused = true)]
async fn max_tasks_bounds_running_tasks_and_accepts_more() {
    let (busy, begun) = (Busy::default(), Instant::now());
    let group = Group::new(&Context::background()).max_tasks(3);
    for i in 0..9 {
        let busy = busy.clone();
        group.spawn(format!("{i}"), async move |_| busy.work().await);
    }
    assert_eq!(begun.elapsed(), crate::common::ZERO, "accepted at once");
    group.wait().await.unwrap();
    assert_eq!((busy.max(), begun.elapsed()), (3, 3 * MS));
}

#[tokio::test(start_paused = true)]
async fn permits_are_granted_in_the_order_of_spawning() {
    let log = Log::default();
    let group = Group::new(&Context::background()).max_tasks(1);
    let work = |i: u32| {
        let log = log.clone();
        async move |_| {
            log.add(format!("{i}"));
            sleep(MS).await;
            Ok::<_, BoxError>(i)
        }
    };
    for i in 0..5 {
        group.spawn(format!("{i}"), work(i));
    }
    group.reserve().await.spawn("5", work(5));
    assert_eq!(group.wait().await.unwrap(), [0, 1, 2, 3, 4, 5]);
    assert_eq!(log.lines(), ["0", "1", "2", "3", "4", "5"]);
}

#[tokio::test(start_paused = true)]
async fn reserve_waits_for_a_permit() {
    let (busy, begun) = (Busy::default(), Instant::now());
    let group = Group::new(&Context::background()).max_tasks(2);
    for i in 0..6 {
        let busy = busy.clone();
        group.reserve().await.spawn(format!("{i}"), async move |_| busy.work().await);
    }
    assert_eq!(begun.elapsed(), 2 * MS, "the fifth was accepted when the third was done");
    group.wait().await.unwrap();
    assert_eq!((busy.max(), begun.elapsed()), (2, 3 * MS));
}

fn begins(log: &Log) -> Result<(), BoxError> {
    log.add("begun");
    Err("it began".into())
}

#[tokio::test(start_paused = true)]
async fn a_task_that_waits_for_a_permit_does_not_begin_after_a_failure() {
    let log = Log::default();
    let group = Group::<()>::new(&Context::background()).max_tasks(1);
    group.spawn("fails", async |_| {
        sleep(S).await;
        Err(BoxError::from("no route"))
    });
    for name in ["b", "c"] {
        let log = log.clone();
        group.spawn(name, async move |_| begins(&log));
    }
    let late = log.clone();
    group.reserve().await.spawn("d", async move |_| begins(&late));
    let error = group.wait().await.unwrap_err();
    assert_eq!(error.failures().len(), 4);
    assert_eq!(failures(&error)[0], "task `fails`: no route");
    assert!(error.failures()[3].error.downcast_ref::<ContextError>().is_some());
    assert_eq!(log.lines(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn dropping_a_group_or_its_wait_leaves_no_task() {
    let cx = Context::background();
    let counted = Arc::new(());
    let fill = |group: &Group<()>| {
        for _ in 0..10 {
            let counted = counted.clone();
            group.spawn("ignores", async move |_| {
                std::future::pending::<()>().await;
                drop(counted);
                Ok::<_, BoxError>(())
            });
        }
    };
    let group = Group::new(&cx);
    fill(&group);
    let inner = group.context().child();
    settle().await;
    drop(group);
    assert!(matches!(inner.error(), Some(ContextError::Canceled { .. })));
    settle().await;
    assert_eq!((Arc::strong_count(&counted), alive()), (1, 0));

    let group = Group::new(&cx);
    fill(&group);
    assert!(tokio::time::timeout(S, group.wait()).await.is_err());
    settle().await;
    assert_eq!((Arc::strong_count(&counted), alive()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn no_task_is_left_after_a_thousand_groups() {
    let cx = Context::background().child();
    let counted = Arc::new(());
    for i in 0..1_000_usize {
        let group = Group::new(&cx.with_value(counted.clone())).max_tasks(1 + i % 4);
        for task in 0..10_usize {
            group.spawn(format!("{task}"), async move |cx: Context| {
                cx.unless_done(sleep(MS)).await?;
                if i % 3 == 0 && task == 5 { Err(BoxError::from("no route")) } else { Ok(task) }
            });
        }
        match i % 5 {
            0 => drop(group),
            _ => assert_eq!(group.wait().await.is_err(), i % 3 == 0),
        }
    }
    settle().await;
    assert_eq!((alive(), Arc::strong_count(&counted)), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn tasks_of_a_group_belong_to_the_run() {
    let (log, held) = (Log::default(), Arc::new(Mutex::new(None)));
    let player = with((log.clone(), held.clone()), async |(log, held): (Log, Arc<Mutex<_>>), cx: Context| {
        let group = Group::<()>::new(&cx);
        for name in ["one", "two"] {
            let log = log.clone();
            group.spawn(name, async move |cx: Context| {
                let error = cx.done().await;
                sleep(S).await;
                log.add(format!("{name} done"));
                Err(error)
            });
        }
        cx.stopping().await;
        // The group outlives the run, which still waits for the tasks.
        *held.lock().unwrap() = Some(group);
        Ok::<_, BoxError>(())
    });
    let begun = Instant::now();
    let report = Conductor::new("shop").player("web", player).play_until(sleep(S)).await;
    assert!(report.is_clean(), "{report}");
    assert_eq!((log.lines(), begun.elapsed()), (vec!["one done".to_owned(), "two done".to_owned()], 2 * S));
    let group = held.lock().unwrap().take().unwrap();
    let error = group.wait().await.unwrap_err();
    assert_eq!(failures(&error), ["task `one`: canceled: requested", "task `two`: canceled: requested"]);
}

#[tokio::test(start_paused = true)]
async fn a_group_ends_if_its_tasks_are_aborted_with_their_run() {
    let held = Arc::new(Mutex::new(None));
    let player = with(held.clone(), async |held: Arc<Mutex<_>>, cx: Context| {
        let group = Group::<()>::new(&cx);
        group.spawn("ignores", async |_| std::future::pending::<Result<(), BoxError>>().await);
        *held.lock().unwrap() = Some(group);
        cx.stopping().await;
        Ok::<_, BoxError>(())
    });
    let _report = Conductor::new("shop").stop_timeout(S).player("web", player).play_until(sleep(S)).await;
    let group = held.lock().unwrap().take().unwrap();
    assert_eq!(failures(&group.wait().await.unwrap_err()), ["task `ignores`: aborted"]);
}

proptest! {
    #[test]
    fn every_end_is_recorded_once(
        tasks in proptest::collection::vec((0_u32..20, 0_u8..4), 0..30),
        limit in proptest::option::of(1_usize..5),
        all: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let busy = Busy::default();
            let mut group = Group::new(&Context::background());
            if let Some(limit) = limit {
                group = group.max_tasks(limit);
            }
            if all {
                group = group.collect_all();
            }
            for (i, (time, kind)) in tasks.iter().copied().enumerate() {
                let busy = busy.clone();
                group.spawn(format!("{i}"), async move |cx: Context| {
                    busy.work().await.map_err(|error| error.to_string())?;
                    sleep(time * MS).await;
                    match kind {
                        0 | 1 => Ok(i),
                        2 => Err(format!("failed {i}")),
                        _ => cx.error().map_or(Ok(i), |error| Err(error.to_string())),
                    }
                });
            }
            let fails = tasks.iter().any(|(_, kind)| *kind == 2);
            match group.wait().await {
                Ok(values) => {
                    assert!(!fails);
                    assert_eq!(values, (0..tasks.len()).collect::<Vec<_>>());
                }
                Err(error) => {
                    assert!(fails && error.failures()[0].to_string().contains("failed"));
                    let (failed, values) = (error.failures().len(), error.into_values());
                    assert_eq!((failed, values.len()), (values.iter().filter(|value| value.is_none()).count(), tasks.len()));
                    assert!(values.iter().enumerate().all(|(i, value)| value.is_none_or(|value| value == i)));
                    if all {
                        assert_eq!(failed, tasks.iter().filter(|(_, kind)| *kind == 2).count());
                    }
                }
            }
            assert!(limit.is_none_or(|limit| busy.max() <= limit));
            settle().await;
            assert_eq!(alive(), 0);
        });
    }
}

#[tokio::test(start_paused = true)]
async fn values_without_a_size_keep_their_places_beside_failures() {
    let group = Group::<()>::new(&Context::background()).collect_all();
    for number in 0..6_u32 {
        group.spawn(format!("task {number}"), async move |_| {
            sleep(MS * (6 - number)).await;
            if number % 3 == 1 { Err(BoxError::from("no")) } else { Ok(()) }
        });
    }
    let error = group.wait().await.unwrap_err();
    assert_eq!(error.values(), [Some(()), None, Some(()), Some(()), None, Some(())]);
    assert_eq!(failures(&error), ["task `task 4`: no", "task `task 1`: no"]);
}
