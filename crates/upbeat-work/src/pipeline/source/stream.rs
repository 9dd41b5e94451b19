//! An asynchronous stream as a source.

use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;
use upbeat::{BoxError, panic::Panic};

use super::traits::{Feed, Filled, Source};
use crate::pipeline::{control::SourceWait, options::OnStop};

/// The source of [`Pipeline::from_stream`](crate::Pipeline::from_stream).
pub struct Streamed<S> {
    from: Pin<Box<S>>,
    next: u64,
    is_ended: bool,
    /// A panic of the stream, which is returned after the items before it.
    panic: Option<Panic>,
}

impl<S> Streamed<S> {
    pub(crate) fn new(from: S) -> Self {
        Self { from: Box::pin(from), next: 0, is_ended: false, panic: None }
    }
}

impl<S: Stream> Streamed<S> {
    /// Is ready with the first item, and all others that are ready then.
    fn poll(&mut self, cx: &mut Context<'_>, batch: &mut Vec<S::Item>, want: usize) -> Poll<()> {
        while !self.is_ended && batch.len() < want {
            match Panic::catch(|| self.from.as_mut().poll_next(cx)) {
                Ok(Poll::Ready(Some(item))) => batch.push(item),
                Ok(Poll::Ready(None)) => self.is_ended = true,
                Ok(Poll::Pending) if batch.is_empty() => return Poll::Pending,
                Ok(Poll::Pending) => break,
                Err(panic) => (self.is_ended, self.panic) = (true, Some(panic)),
            }
        }
        Poll::Ready(())
    }
}

impl<S: Stream<Item: Send> + Send> Source for Streamed<S> {
    type Batch = Vec<S::Item>;
}

impl<S: Stream<Item: Send> + Send> Feed<Vec<S::Item>> for Streamed<S> {
    const SIZE: (usize, usize) = (1, 4096);

    fn fill(&mut self, batch: &mut Vec<S::Item>, want: usize, waiting: &SourceWait) -> Result<Filled, BoxError> {
        waiting.until_stop(OnStop::Finish, poll_fn(|cx| self.poll(cx, batch, want.max(1))))?;
        if batch.is_empty()
            && let Some(panic) = self.panic.take()
        {
            return Err(panic.into());
        }
        let more = !self.is_ended || self.panic.is_some();
        Ok(Filled::of_items(&mut self.next, batch, more, batch.len() < want))
    }

    fn clear(batch: &mut Vec<S::Item>) {
        batch.clear();
    }
}

impl<S> fmt::Debug for Streamed<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streamed").field("taken", &self.next).finish_non_exhaustive()
    }
}
