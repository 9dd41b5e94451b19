//! Futures that a script polls by hand.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
};

/// Whether a waker was woken since the last poll.
#[derive(Debug, Default)]
pub(crate) struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

impl Flag {
    /// Polls with a waker that sets this flag, which is cleared first.
    pub(crate) fn poll<T>(self: &Arc<Self>, poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        self.0.store(false, SeqCst);
        poll(&mut Context::from_waker(&Waker::from(self.clone())))
    }

    pub(crate) fn mark(&self) -> char {
        if self.0.load(SeqCst) { '!' } else { '.' }
    }
}

/// A future and its flag.
pub(crate) struct Polled<T> {
    future: Pin<Box<dyn Future<Output = T>>>,
    pub(crate) flag: Arc<Flag>,
}

impl<T> Polled<T> {
    pub(crate) fn new(future: impl Future<Output = T> + 'static) -> Self {
        Self { future: Box::pin(future), flag: Arc::default() }
    }

    pub(crate) fn poll(&mut self) -> Poll<T> {
        self.flag.poll(|cx| self.future.as_mut().poll(cx))
    }
}

/// The flags of all, in order.
pub(crate) fn marks<'a>(flags: impl IntoIterator<Item = &'a Arc<Flag>>) -> String {
    flags.into_iter().map(|flag| flag.mark()).collect()
}
