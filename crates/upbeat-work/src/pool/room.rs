//! Those who wait for room in the queue, first come, first served.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll, Waker},
};

use parking_lot::Mutex;

use super::shared::Shared;

/// Somebody who waits for a place.
#[derive(Default)]
pub(super) struct Waiter {
    state: Mutex<Wait>,
}

#[derive(Default)]
enum Wait {
    #[default]
    New,
    Waits(Waker),
    /// A place is reserved for it.
    Granted,
    Refused,
    Gone,
}

impl Waiter {
    /// Hands a place over, unless nobody waits here any more.
    pub(super) fn grant(&self, wake: &mut Vec<Waker>) -> bool {
        self.answer(Wait::Granted, wake)
    }

    pub(super) fn refuse(&self, wake: &mut Vec<Waker>) {
        self.answer(Wait::Refused, wake);
    }

    fn answer(&self, answer: Wait, wake: &mut Vec<Waker>) -> bool {
        let mut state = self.state.lock();
        match std::mem::replace(&mut *state, Wait::Gone) {
            Wait::New => {}
            Wait::Waits(waker) => wake.push(waker),
            over @ (Wait::Granted | Wait::Refused | Wait::Gone) => {
                *state = over;
                return false;
            }
        }
        *state = answer;
        true
    }
}

/// Waits for a place; `Err` when the pool closes. Dropped with a place in hand, it passes that on.
pub(super) struct Room<J, R> {
    shared: Arc<Shared<J, R>>,
    waiter: Arc<Waiter>,
}

impl<J, R> Room<J, R> {
    /// To be put into the queue of those who wait, under the pool's lock.
    pub(super) fn new(shared: &Arc<Shared<J, R>>) -> Self {
        Self { shared: shared.clone(), waiter: Arc::default() }
    }

    pub(super) fn waiter(&self) -> &Arc<Waiter> {
        &self.waiter
    }
}

impl<J, R> Future for Room<J, R> {
    type Output = Result<(), ()>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Result<(), ()>> {
        let mut state = self.waiter.state.lock();
        match &mut *state {
            Wait::Granted => {
                *state = Wait::Gone;
                Poll::Ready(Ok(()))
            }
            Wait::Refused | Wait::Gone => Poll::Ready(Err(())),
            Wait::New => {
                *state = Wait::Waits(cx.waker().clone());
                Poll::Pending
            }
            Wait::Waits(waker) => {
                let old = std::mem::replace(waker, cx.waker().clone());
                drop(state);
                drop(old);
                Poll::Pending
            }
        }
    }
}

impl<J, R> Drop for Room<J, R> {
    fn drop(&mut self) {
        let state = std::mem::replace(&mut *self.waiter.state.lock(), Wait::Gone);
        match state {
            Wait::Granted => self.shared.give_up_places(1),
            Wait::New | Wait::Waits(_) => self.shared.forget(&self.waiter),
            Wait::Refused | Wait::Gone => {}
        }
    }
}
