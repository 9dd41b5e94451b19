//! Further promises of a tree of contexts.

use std::{
    future::{Future, pending},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
    },
    task::{Context as TaskContext, Poll, Waker},
};

use peers::{MS, S, paused, real};
use tokio::time::{sleep, timeout};
use upbeat::Context;

use super::VERY_LONG;

/// Same: the documentation of `Done` promises it, and `TestSimultaneousCancels` leaves it out.
#[test]
fn all_waiters_are_woken() {
    real(2, async || {
        let cx = Context::background().child();
        let woken = Arc::new(AtomicU32::new(0));
        let waiters: Vec<_> = (0..500)
            .map(|i| {
                let (cx, woken) = (if i % 2 == 0 { cx.clone() } else { cx.child() }, woken.clone());
                tokio::spawn(async move {
                    cx.done().await;
                    woken.fetch_add(1, SeqCst);
                })
            })
            .collect();
        sleep(20 * MS).await;
        assert_eq!(woken.load(SeqCst), 0);
        cx.cancel("enough");
        for waiter in waiters {
            timeout(20 * S, waiter).await.expect("it is woken").unwrap();
        }
        assert_eq!(woken.load(SeqCst), 500);
    });
}

/// Same as `XTestCustomContextGoroutines`.
#[test]
fn deriving_a_context_starts_no_task() {
    paused(async || {
        let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
        let before = alive();
        let parent = Context::background().child();
        let kept = [parent.child(), parent.with_timeout(VERY_LONG), parent.with_value(7), parent.until_deadline()];
        let waits = kept[1].done();
        let mut waits = pin!(waits);
        assert!(matches!(waits.as_mut().poll(&mut TaskContext::from_waker(Waker::noop())), Poll::Pending));
        assert_eq!(alive(), before);
    });
}

/// Same: a `select` with a done context takes the context. Go leaves the choice to chance.
#[test]
fn work_under_a_done_context_does_not_begin() {
    paused(async || {
        let cx = Context::background().child();
        cx.cancel("enough");
        let start = AtomicBool::new(false);
        let work = cx.unless_done(async { start.store(true, SeqCst) }).await;
        assert!(work.is_err() && !start.load(SeqCst));
        assert!(cx.unless_done(pending::<()>()).await.is_err());
    });
}
