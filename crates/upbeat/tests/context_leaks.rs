//! The memory of dropped contexts: after a million of them the process holds as much as before.
//!
//! One test alone in its program, because it looks at the memory of all of it.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::{
    fs,
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context as TaskContext, Waker},
};

use upbeat::Context;

const MANY: usize = 1_000_000;
/// A million of the smallest blocks that an allocator gives would take twice as much.
const SLACK: u64 = 16 << 20;

/// The resident memory of this process, in bytes.
fn resident() -> u64 {
    let pages: u64 = fs::read_to_string("/proc/self/statm").unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

/// Makes a million children, waits a little on each, and drops them in turn.
fn children(parent: &Context, counted: &Arc<()>) {
    for i in 0..MANY {
        let child = parent.with_value(counted.clone()).with_timeout(std::time::Duration::from_mins(1));
        {
            let done = pin!(child.done());
            assert!(done.poll(&mut TaskContext::from_waker(Waker::noop())).is_pending());
        }
        if i % 2 == 0 {
            child.cancel("enough");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_million_children_leave_nothing_behind() {
    let counted = Arc::new(());
    let parent = Context::background().child();
    // What the allocator keeps for later is there from now on.
    for _ in 0..100 {
        drop(parent.with_value(counted.clone()));
    }
    let before = resident();
    children(&parent, &counted);
    assert_eq!(Arc::strong_count(&counted), 1, "no scope is left, while the parent lives");
    let grown = resident().saturating_sub(before);
    assert!(grown < SLACK, "{} KiB more than before, while the parent lives", grown >> 10);

    parent.cancel("enough");
    drop(parent);
    let grown = resident().saturating_sub(before);
    assert!(grown < SLACK, "{} KiB more than before, after the parent", grown >> 10);

    // All at once, and cancelled from above.
    let parent = Context::background().child();
    let all: Vec<_> = (0..MANY).map(|_| parent.with_value(counted.clone())).collect();
    parent.cancel("enough");
    assert!(all.iter().all(|child| child.error().is_some()));
    drop(all);
    assert_eq!(Arc::strong_count(&counted), 1);
}
