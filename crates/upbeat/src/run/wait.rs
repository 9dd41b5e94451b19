//! The wait for the stop of a run.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use super::Run;

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
