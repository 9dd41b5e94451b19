//! A section of its own for futures: one thread drives many of them.

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

/// Both of its joints.
pub(crate) struct Links<T, U> {
    pub(crate) from: Receiver<Vec<Forwarded<T>>>,
    pub(crate) to: Sender<Vec<Forwarded<U>>>,
    pub(crate) in_front: Arc<LinkFill>,
    pub(crate) behind: Arc<LinkFill>,
}

pub(crate) struct AsyncStage<T, U, F> {
    /// Until its worker takes them.
    pub(crate) joints: Mutex<Option<Links<T, U>>>,
    pub(crate) call: F,
    pub(crate) limit: Concurrency,
    pub(crate) name: SharedName,
    pub(crate) run: Control,
    /// Dropping when the section behind has ended.
    pub(crate) over: StopHandle,
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
    /// What becomes of an item. A failure of a section before passes by.
    async fn one(&self, relayed: Forwarded<T>) -> Forwarded<U> {
        let Numbered { item, number, context } = relayed?;
        let mut work = pin!(async move { (self.call)(item).await });
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

    /// Drives futures until there are no more. They go on while the section behind is slow; then no more are begun.
    async fn drive(&self, joints: Links<T, U>) {
        let Links { mut from, to, in_front, behind } = joints;
        let mut dropping = pin!(self.run.stop().asked(OnStop::Drop));
        let mut over = pin!(self.over.asked(OnStop::Drop));
        let mut under_way = FutureSet::new(self.limit.ordered);
        let mut came = vec::IntoIter::default();
        let mut finished = Vec::new();
        let mut more = true;
        let (is_watched, mut done) = (self.meter.is_watched(), 0);
        loop {
            let mut room = self.limit.most.saturating_sub(under_way.len() + finished.len());
            while room > 0
                && let Some(relayed) = came.next()
            {
                under_way.push(self.one(relayed));
                room -= 1;
            }
            if is_watched {
                self.meter.under_way(under_way.len(), std::mem::take(&mut done));
            }
            if !more && under_way.len() + finished.len() == 0 {
                return;
            }
            tokio::select! {
                biased;
                () = &mut dropping => break,
                () = &mut over => break,
                Some(relayed) = under_way.next() => {
                    finished.push(relayed);
                    done += 1;
                }
                reserved = to.reserve(), if !finished.is_empty() => match reserved {
                    Ok(reserved) => {
                        reserved.send(std::mem::take(&mut finished));
                        behind.set(to.max_capacity() - to.capacity());
                    }
                    Err(_) => break,
                },
                batch = from.recv(), if more && room > 0 => match batch {
                    Some(batch) => {
                        came = batch.into_iter();
                        in_front.set(from.len());
                    }
                    None => more = false,
                },
            }
        }
        let mut dropped = under_way.len() + finished.len() + came.len();
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
        let Some(joints) = self.joints.lock().take() else { return };
        let cause = match Panic::catch(|| self.run.block_on(self.drive(joints))) {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(PipelineFailure::Source(error.into())),
            Err(panic) => Some(PipelineFailure::Panicked(panic)),
        };
        self.ended.lock().cause = cause;
        self.front.stop(OnStop::Drop);
    }

    fn refuse(&self, error: io::Error) {
        *self.joints.lock() = None;
        self.ended.lock().cause = Some(PipelineFailure::Source(error.into()));
        self.front.stop(OnStop::Drop);
    }

    fn outcome(&self) -> SectionOutcome {
        let AsyncStageEnd { cause, dropped } = std::mem::take(&mut *self.ended.lock());
        SectionOutcome { cause, taken: 0, dropped, stopped: false }
    }
}
