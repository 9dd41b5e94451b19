//! The way of a stop request to a run: a flag, what it means, and who is woken by it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::Waker,
};

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::{context::error::ContextError, stop_cause::StopCause};

/// How a run was over without having been asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RunOver {
    #[error("the player has returned")]
    Returned,
    #[error("the run has ended")]
    Gone,
}

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
    pub(super) waiters: Mutex<Waiters>,
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
pub(super) struct Waiters {
    /// Shared by all runs that are asked to stop together.
    stopping: Option<Arc<Stopping>>,
    first: Option<Waker>,
    /// Nearly always empty.
    #[expect(clippy::box_collection, reason = "one word instead of three, for each player")]
    more: Option<Box<Vec<Option<Waker>>>>,
}

impl Waiters {
    /// The place of a waiter: 0 is the first.
    pub(super) fn at(&mut self, key: usize) -> &mut Option<Waker> {
        match key.checked_sub(1) {
            None => &mut self.first,
            Some(i) => &mut self.more.get_or_insert_default()[i],
        }
    }

    pub(super) fn free_place(&mut self) -> usize {
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
