//! The memory of groups and trackers in which tasks come and go for ever.
//!
//! A program of its own with one test, because memory is counted for the whole process.

use std::convert::Infallible;

use peak_alloc::PeakAlloc;
use tokio::task::yield_now;
use upbeat::{
    Context,
    task::{Group, Tracker},
};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const TASKS: usize = 20_000;

/// Spawns tasks, of which a few run at the same time, and returns by how many bytes that grows.
async fn growth(mut spawn: impl AsyncFnMut()) -> usize {
    // The first ones fill the capacity of all collections.
    for _ in 0..TASKS {
        spawn().await;
    }
    settle().await;
    let before = ALLOCATOR.current_usage();
    for _ in 0..TASKS {
        spawn().await;
    }
    settle().await;
    ALLOCATOR.current_usage().saturating_sub(before)
}

async fn settle() {
    for _ in 0..100 {
        yield_now().await;
    }
}

#[tokio::test(flavor = "current_thread")]
async fn tasks_that_come_and_go_leave_nothing_behind() {
    let cx = Context::background();
    let group = Group::<()>::new(&cx).max_tasks(8);
    let grown = growth(async || group.reserve().await.spawn("one", async |_| Ok::<_, Infallible>(()))).await;
    assert!(grown < TASKS / 10, "a group grows by {grown} bytes with {TASKS} tasks");
    assert_eq!(group.wait().await.unwrap().len(), 2 * TASKS, "each has its value");

    let tracker = Tracker::builder().max_running(8).build();
    let grown = growth(async || tracker.reserve().await.track("one", async {}).unwrap()).await;
    assert!(grown < TASKS / 10, "a tracker grows by {grown} bytes with {TASKS} tasks");

    // What has a size is kept until the end.
    let group = Group::new(&cx).max_tasks(8);
    let grown = growth(async || group.reserve().await.spawn("one", async |_| Ok::<_, Infallible>(7_u64))).await;
    assert!((TASKS * 8..TASKS * 48).contains(&grown), "{grown}");
}
