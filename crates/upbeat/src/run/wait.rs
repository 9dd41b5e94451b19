//! The wait for the stop of a run.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use super::Run;

/// A future that completes when a run is asked to stop, or is over.
#[derive(Debug)]
pub(crate) struct Wait {
    run: Arc<Run>,
    /// The slot of its waker.
    slot: Option<usize>,
}

impl Wait {
    pub(crate) fn new(run: Arc<Run>) -> Self {
        Self { run, slot: None }
    }
}

impl Future for Wait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { run, slot } = &mut *self;
        if run.stop.poll_asked(slot, cx.waker()) { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            self.run.stop.leave(slot);
        }
    }
}
