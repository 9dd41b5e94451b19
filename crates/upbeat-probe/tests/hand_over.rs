//! The hand-over of question and answer under every interleaving, as far as loom can tell.
//!
//! ```console
//! $ RUSTFLAGS="--cfg upbeat_loom" LOOM_MAX_PREEMPTIONS=2 cargo test --release -p upbeat-probe --test hand_over
//! ```
//!
//! A question that is lost shows as a deadlock, which loom reports. Frames are not recorded here: the stacks of loom's threads cannot be walked.

#![cfg(upbeat_loom)]

use std::{
    sync::Arc,
    task::{Context, Poll, Waker},
};

use loom::{future::block_on, sync::Mutex, thread};
use upbeat_probe::{Answer, watch};

/// A leaf that waits until it is told, with the waker that it has kept.
#[derive(Clone)]
struct Leaf(Arc<Mutex<(bool, Option<Waker>)>>);

impl Leaf {
    fn new() -> Self {
        Self(Arc::new(Mutex::new((false, None))))
    }

    async fn told(self) {
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

    fn tell(&self) {
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
fn a_question_at_any_time_is_answered() {
    loom::model(|| {
        let leaf = Leaf::new();
        let (watched, probe) = watch(leaf.clone().told());
        let task = thread::spawn(move || block_on(watched));
        // The leaf is told only after the answer: so if the question is lost, nobody ever moves again.
        let answer = block_on(probe.ask_patiently());
        assert!(matches!(&answer, Answer::Waiting { traces, .. } if traces.len() == 1), "{answer:?}");
        leaf.tell();
        task.join().unwrap();
        assert!(matches!(block_on(probe.ask_patiently()), Answer::Finished));
    });
}

#[test]
fn two_who_ask_at_once_are_both_answered() {
    loom::model(|| {
        let leaf = Leaf::new();
        let (watched, probe) = watch(leaf.clone().told());
        let task = thread::spawn(move || block_on(watched));
        let other = {
            let probe = probe.clone();
            thread::spawn(move || block_on(probe.ask_patiently()))
        };
        assert!(matches!(block_on(probe.ask_patiently()), Answer::Waiting { .. }));
        assert!(matches!(other.join().unwrap(), Answer::Waiting { .. }));
        leaf.tell();
        task.join().unwrap();
    });
}

#[test]
fn a_question_while_the_future_ends_is_answered() {
    loom::model(|| {
        let leaf = Leaf::new();
        let (watched, probe) = watch(leaf.clone().told());
        let task = thread::spawn(move || block_on(watched));
        let teller = thread::spawn(move || leaf.tell());
        let answer = block_on(probe.ask_patiently());
        assert!(matches!(answer, Answer::Waiting { .. } | Answer::Finished), "{answer:?}");
        task.join().unwrap();
        teller.join().unwrap();
    });
}

#[test]
fn a_question_while_the_future_is_dropped_is_answered() {
    loom::model(|| {
        let (watched, probe) = watch(std::future::pending::<()>());
        let owner = thread::spawn(move || drop(watched));
        assert!(matches!(block_on(probe.ask_patiently()), Answer::Dropped));
        owner.join().unwrap();
    });
}

#[test]
fn a_question_taken_back_does_not_take_another_with_it() {
    loom::model(|| {
        let leaf = Leaf::new();
        let (watched, probe) = watch(leaf.clone().told());
        let task = thread::spawn(move || block_on(watched));
        let other = {
            let probe = probe.clone();
            thread::spawn(move || {
                let mut asking = Box::pin(probe.ask_patiently());
                let _ = asking.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            })
        };
        assert!(matches!(block_on(probe.ask_patiently()), Answer::Waiting { .. }));
        other.join().unwrap();
        leaf.tell();
        task.join().unwrap();
    });
}

#[test]
fn the_future_moves_to_another_task_while_it_is_asked() {
    loom::model(|| {
        let leaf = Leaf::new();
        let (watched, probe) = watch(leaf.clone().told());
        let task = thread::spawn(move || {
            let mut watched = Box::pin(watched);
            // A first poll by a task that does not go on, as a `select!` does that was left.
            let _ = watched.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            block_on(watched);
        });
        assert!(matches!(block_on(probe.ask_patiently()), Answer::Waiting { .. }));
        leaf.tell();
        task.join().unwrap();
    });
}
