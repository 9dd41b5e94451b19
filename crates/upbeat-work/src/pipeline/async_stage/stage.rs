//! A section of futures.

use std::{
    future::poll_fn,
    io,
    pin::pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::Poll,
    vec,
};

use parking_lot::Mutex;
use tokio::sync::mpsc::{Receiver, Sender};
use upbeat::{BoxError, panic::Panic};

use super::future_set::FutureSet;
use crate::pipeline::{
    batch::{Forwarded, Numbered},
    control::{Control, RunSection, SectionOutcome, StopHandle},
    meter::{LinkFill, SectionMeter},
    options::{Concurrency, OnStop},
    outcome::{ItemFailure, PipelineFailure},
    stage::SharedName,
};

/// The buffers on both sides of an asynchronous stage.
pub(crate) struct Links<T, U> {
    pub(crate) from: Receiver<Vec<Forwarded<T>>>,
    pub(crate) to: Sender<Vec<Forwarded<U>>>,
    pub(crate) in_front: Arc<LinkFill>,
    pub(crate) behind: Arc<LinkFill>,
}

/// An asynchronous stage, as a section with one worker.
pub(crate) struct AsyncStage<T, U, F> {
    /// Until the worker takes them.
    pub(crate) links: Mutex<Option<Links<T, U>>>,
    pub(crate) call: F,
    pub(crate) limit: Concurrency,
    pub(crate) name: SharedName,
    pub(crate) control: Control,
    /// Dropping when the section behind has ended.
    pub(crate) stop: StopHandle,
    /// Ends the section in front.
    pub(crate) front: StopHandle,
    pub(crate) meter: Arc<SectionMeter>,
    pub(crate) ended: Mutex<AsyncStageEnd>,
}

#[derive(Debug, Default)]
pub(crate) struct AsyncStageEnd {
    cause: Option<PipelineFailure>,
    dropped: u64,
}

impl<T, U, F, Fut> AsyncStage<T, U, F>
where
    F: Fn(T) -> Fut,
    Fut: Future<Output = Result<U, BoxError>>,
{
    /// Runs the future of one item. A failure of an earlier section is forwarded.
    async fn one(&self, forwarded: Forwarded<T>) -> Forwarded<U> {
        let Numbered { item, number, context } = forwarded?;
        let mut work = pin!(async move { (self.call)(item).await });
        // `CatchPanic` would lose the panic of a future that is dropped early, which ends the
        // pipeline.
        let made = poll_fn(|cx| match Panic::catch(|| work.as_mut().poll(cx)) {
            Ok(poll) => poll,
            Err(panic) => Poll::Ready(Err(panic.into())),
        });
        match made.await {
            Ok(item) => Ok(Numbered { item, number, context }),
            Err(error) => {
                let stage = self.name.lock().clone();
                Err(Box::new(ItemFailure::new(stage, number, context, error)))
            }
        }
    }

    /// Drives futures until there are no more.
    ///
    /// While the section behind is slow, futures in flight go on, and no more are begun.
    async fn drive(&self, links: Links<T, U>) {
        let Links { mut from, to, in_front, behind } = links;
        let mut dropping = pin!(self.control.stop().requested(OnStop::Drop));
        let mut ending = pin!(self.stop.requested(OnStop::Drop));
        let mut in_flight = FutureSet::new(self.limit.ordered);
        let mut received = vec::IntoIter::default();
        let mut finished = Vec::new();
        let mut more = true;
        let (is_watched, mut done) = (self.meter.is_watched(), 0);
        loop {
            let mut free = self.limit.max.saturating_sub(in_flight.len() + finished.len());
            while free > 0
                && let Some(forwarded) = received.next()
            {
                in_flight.push(self.one(forwarded));
                free -= 1;
            }
            if is_watched {
                self.meter.set_futures(in_flight.len(), std::mem::take(&mut done));
            }
            if !more && in_flight.len() + finished.len() == 0 {
                return;
            }
            tokio::select! {
                biased;
                () = &mut dropping => break,
                () = &mut ending => break,
                Some(forwarded) = in_flight.next() => {
                    finished.push(forwarded);
                    done += 1;
                }
                permit = to.reserve(), if !finished.is_empty() => match permit {
                    Ok(permit) => {
                        permit.send(std::mem::take(&mut finished));
                        behind.set(to.max_capacity() - to.capacity());
                    }
                    Err(_) => break,
                },
                batch = from.recv(), if more && free > 0 => match batch {
                    Some(batch) => {
                        received = batch.into_iter();
                        in_front.set(from.len());
                    }
                    None => more = false,
                },
            }
        }
        let mut dropped = in_flight.len() + finished.len() + received.len();
        from.close();
        while let Some(batch) = from.recv().await {
            dropped += batch.len();
        }
        self.meter.dropped.store(dropped as u64, Relaxed);
        self.ended.lock().dropped += dropped as u64;
    }
}

impl<T, U, F, Fut> RunSection for AsyncStage<T, U, F>
where
    T: Send,
    U: Send,
    F: Fn(T) -> Fut + Send + Sync,
    Fut: Future<Output = Result<U, BoxError>> + Send,
{
    fn workers(&self) -> usize {
        1
    }

    fn work(&self) {
        let Some(links) = self.links.lock().take() else { return };
        let cause = match Panic::catch(|| self.control.block_on(self.drive(links))) {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(PipelineFailure::Source(error.into())),
            Err(panic) => Some(PipelineFailure::Panicked(panic)),
        };
        self.ended.lock().cause = cause;
        self.front.stop(OnStop::Drop);
    }

    fn refuse(&self, error: io::Error) {
        *self.links.lock() = None;
        self.ended.lock().cause = Some(PipelineFailure::Source(error.into()));
        self.front.stop(OnStop::Drop);
    }

    fn outcome(&self) -> SectionOutcome {
        let AsyncStageEnd { cause, dropped } = std::mem::take(&mut *self.ended.lock());
        SectionOutcome { cause, taken: 0, dropped, stopped: false }
    }
}
