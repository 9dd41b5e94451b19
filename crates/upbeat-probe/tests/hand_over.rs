//! The hand-over of requests and answers under every interleaving that loom explores.
//!
//! ```console
//! $ RUSTFLAGS="--cfg upbeat_loom" LOOM_MAX_PREEMPTIONS=2 cargo test --release -p upbeat-probe --test hand_over
//! ```
//!
//! A lost request shows as a deadlock, which loom reports. Frames are not recorded here:
//! the stacks of loom's threads cannot be walked.

#![cfg(upbeat_loom)]

use std::{
    sync::Arc,
    task::{Context, Poll, Waker},
};

use loom::{future::block_on, sync::Mutex, thread};
use upbeat_probe::{Answer, watch};

/// A leaf that waits until it is notified, with a waker that it keeps.
#[derive(Clone)]
struct Leaf(Arc<Mutex<(bool, Option<Waker>)>>);

impl Leaf {
    fn new() -> Self {
        Self(Arc::new(Mutex::new((false, None))))
    }

    async fn notified(self) {
        std::future::poll_fn(|cx| {
            let mut state = self.0.lock().unwrap();
            if state.0 {
                return Poll::Ready(());
            }
            state.1 = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn notify(&self) {
        let waker = {
            let mut state = self.0.lock().unwrap();
            state.0 = true;
            state.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

#[test]
fn a_request_at_any_time_is_answered() {
    loom::model(|| {
        let leaf = Leaf::new();
        let (watched, probe) = watch(leaf.clone().notified());
        let task = thread::spawn(move || block_on(watched));
        // The leaf is notified only after the answer, so a lost request is a deadlock.
        let answer = block_on(probe.ask_without_timeout());
        assert!(matches!(&answer, Answer::Waiting { traces, .. } if traces.len() == 1), "{answer:?}");
        leaf.notify();
        task.join().unwrap();
        assert!(matches!(block_on(probe.ask_without_timeout()), Answer::Finished));
    });
}

#[test]
fn two_requests_at_once_are_both_answered() {
    loom::model(|| {
        let leaf = Leaf::new();
        let (watched, probe) = watch(leaf.clone().notified());
        let task = thread::spawn(move || block_on(watched));
        let other = {
            let probe = probe.clone();
            thread::spawn(move || block_on(probe.ask_without_timeout()))
        };
        assert!(matches!(block_on(probe.ask_without_timeout()), Answer::Waiting { .. }));
        assert!(matches!(other.join().unwrap(), Answer::Waiting { .. }));
        leaf.notify();
        task.join().unwrap();
    });
}

#[test]
fn a_request_while_the_future_ends_is_answered() {
    loom::model(|| {
        let leaf = Leaf::new();
        let (watched, probe) = watch(leaf.clone().notified());
        let task = thread::spawn(move || block_on(watched));
        let teller = thread::spawn(move || leaf.notify());
        let answer = block_on(probe.ask_without_timeout());
        assert!(matches!(answer, Answer::Waiting { .. } | Answer::Finished), "{answer:?}");
        task.join().unwrap();
        teller.join().unwrap();
    });
}

#[test]
fn a_request_while_the_future_is_dropped_is_answered() {
    loom::model(|| {
        let (watched, probe) = watch(std::future::pending::<()>());
        let owner = thread::spawn(move || drop(watched));
        assert!(matches!(block_on(probe.ask_without_timeout()), Answer::Dropped));
        owner.join().unwrap();
    });
}

#[test]
fn a_withdrawn_request_withdraws_no_other() {
    loom::model(|| {
        let leaf = Leaf::new();
        let (watched, probe) = watch(leaf.clone().notified());
        let task = thread::spawn(move || block_on(watched));
        let other = {
            let probe = probe.clone();
            thread::spawn(move || {
                let mut asking = Box::pin(probe.ask_without_timeout());
                let _ = asking.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            })
        };
        assert!(matches!(block_on(probe.ask_without_timeout()), Answer::Waiting { .. }));
        other.join().unwrap();
        leaf.notify();
        task.join().unwrap();
    });
}

#[test]
fn the_future_moves_to_another_task_while_it_is_asked() {
    loom::model(|| {
        let leaf = Leaf::new();
        let (watched, probe) = watch(leaf.clone().notified());
        let task = thread::spawn(move || {
            let mut watched = Box::pin(watched);
            // A first poll by a task that does not go on, as a `select!` does that was left.
            let _ = watched.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            block_on(watched);
        });
        assert!(matches!(block_on(probe.ask_without_timeout()), Answer::Waiting { .. }));
        leaf.notify();
        task.join().unwrap();
    });
}
