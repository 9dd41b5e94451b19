//! The way of a stop request to a run: a flag, what it means, and who is woken by it.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll, Waker},
};

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::{context_error::ContextError, report::StopCause, root::RunOver, run::Run};

/// When and why a run was asked to stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stopping {
    pub(crate) deadline: Instant,
    pub(crate) cause: StopCause,
}

/// The run's side of a stop request.
///
/// A `CancellationToken` of tokio-util would do; but every idle player waits on one of these, and a wait on a token takes
/// 100 bytes in the player's future and 100 in the token, where this takes 24 and 40. For those who do wait on tokens
/// there is [`Root`](crate::root::Root).
#[derive(Debug, Default)]
pub(crate) struct StopSignal {
    /// One of `NOT_ASKED`, `ASKED`, `RETURNED`, `GONE`: what came first, which is kept.
    asked: AtomicU8,
    waiters: Mutex<Waiters>,
}

const NOT_ASKED: u8 = 0;
/// By the conductor.
const ASKED: u8 = 1;
/// By nobody: the player has returned.
const RETURNED: u8 = 2;
/// By nobody: nothing is left of the run.
const GONE: u8 = 3;

/// Who waits, and for what. Nearly always nobody or one.
#[derive(Debug, Default)]
struct Waiters {
    /// Shared by all runs that are asked to stop together.
    stopping: Option<Arc<Stopping>>,
    first: Option<Waker>,
    /// Nearly always empty.
    #[expect(clippy::box_collection, reason = "one word instead of three, for each player")]
    more: Option<Box<Vec<Option<Waker>>>>,
}

impl Waiters {
    /// The place of a waiter: 0 is the first.
    fn at(&mut self, key: usize) -> &mut Option<Waker> {
        match key.checked_sub(1) {
            None => &mut self.first,
            Some(i) => &mut self.more.get_or_insert_default()[i],
        }
    }

    fn free_place(&mut self) -> usize {
        if self.first.is_none() {
            return 0;
        }
        let more = self.more.get_or_insert_default();
        let free = more.iter().position(Option::is_none);
        1 + free.unwrap_or_else(|| {
            more.push(None);
            more.len() - 1
        })
    }
}

impl StopSignal {
    /// Asks to stop. The first request wins: a later one changes neither cause nor deadline.
    pub(crate) fn request(&self, stopping: Arc<Stopping>) {
        self.waiters.lock().stopping.get_or_insert(stopping);
        self.wake(ASKED);
    }

    /// The run is over without having been asked: releases what its helpers wait for, without a deadline or cause of a stop.
    pub(crate) fn release(&self, over: RunOver) {
        self.wake(match over {
            RunOver::Returned => RETURNED,
            RunOver::Gone => GONE,
        });
    }

    fn wake(&self, why: u8) {
        // Release, so that whoever sees the flag sees what was done before.
        if self.asked.compare_exchange(NOT_ASKED, why, Ordering::Release, Ordering::Relaxed).is_err() {
            return;
        }
        let mut waiters = self.waiters.lock();
        let (first, more) = (waiters.first.take(), waiters.more.take());
        drop(waiters);
        // Wakers are foreign code, so they run without the lock.
        let more = more.into_iter().flat_map(|more| more.into_iter().flatten());
        first.into_iter().chain(more).for_each(Waker::wake);
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire) != NOT_ASKED
    }

    /// What the player's own context was ended by.
    pub(crate) fn error(&self) -> Option<ContextError> {
        match self.asked.load(Ordering::Acquire) {
            NOT_ASKED => None,
            ASKED => Some(ContextError::canceled(self.stopping()?.cause.clone())),
            RETURNED => Some(ContextError::canceled(RunOver::Returned)),
            _ => Some(ContextError::canceled(RunOver::Gone)),
        }
    }

    pub(crate) fn stopping(&self) -> Option<Arc<Stopping>> {
        self.waiters.lock().stopping.clone()
    }
}

/// Completes when a run is asked to stop.
#[derive(Debug)]
pub(crate) struct Wait {
    run: Arc<Run>,
    /// Where its waker is.
    place: Option<usize>,
}

impl Wait {
    pub(crate) fn new(run: Arc<Run>) -> Self {
        Self { run, place: None }
    }
}

impl Future for Wait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { run, place } = &mut *self;
        if run.stop.is_asked() {
            *place = None;
            return Poll::Ready(());
        }
        let mut waiters = run.stop.waiters.lock();
        // Looked at again under the lock: `release` sets it first, and then takes the wakers under the lock.
        if run.stop.is_asked() {
            *place = None;
            return Poll::Ready(());
        }
        let key = *place.get_or_insert_with(|| waiters.free_place());
        let waker = waiters.at(key);
        if waker.as_ref().is_none_or(|waker| !waker.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(key) = self.place {
            let mut waiters = self.run.stop.waiters.lock();
            // Once asked, the wakers are gone, and the places with them.
            if !self.run.stop.is_asked() {
                let waker = waiters.at(key).take();
                drop(waiters);
                drop(waker);
            }
        }
    }
}
