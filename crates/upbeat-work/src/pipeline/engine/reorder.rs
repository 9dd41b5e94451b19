//! The state that the workers of a section share under one lock.

use std::collections::VecDeque;

use super::{
    assembly::Assembly,
    executor::{Batch, SinkEnd},
};
use crate::pipeline::outcome::PipelineFailure;

/// Finished batches that wait for their turn, the sink, and the state of the workers.
#[expect(clippy::struct_excessive_bools, reason = "any combination of them occurs")]
pub(crate) struct ReorderBuffer<A: Assembly> {
    finished: Finished<Box<Batch<A::Raw, A::Unit>>>,
    /// The sink, unless a worker emits.
    pub(crate) sink: Option<SinkEnd<A::Sink, A::Failures>>,
    /// Emptied batches, whose memory is used again. The last one is most likely in the cache.
    spare: Vec<Box<Batch<A::Raw, A::Unit>>>,
    /// The batches between source and sink, including one that is being filled.
    in_flight: usize,
    window: usize,
    /// Whether a worker waits for the window.
    pub(crate) window_awaited: bool,
    /// The number of workers that have begun and not ended.
    pub(crate) workers: usize,
    /// The number of workers that wait to be called to the source.
    pub(crate) followers: usize,
    /// Whether a follower was called to the source.
    pub(crate) is_called: bool,
    /// Nothing more is taken.
    pub(crate) closed: bool,
    /// Nothing more is emitted.
    ended: bool,
    pub(crate) cause: Option<PipelineFailure>,
    pub(crate) taken: u64,
    pub(crate) dropped: u64,
}

enum Finished<B> {
    /// A ring in which the position of a batch follows from its number.
    Ordered {
        slots: VecDeque<Option<B>>,
        head: u64,
    },
    Unordered(VecDeque<B>),
}

impl<A: Assembly> ReorderBuffer<A> {
    pub(crate) fn new(sink: SinkEnd<A::Sink, A::Failures>, window: usize, ordered: bool) -> Self {
        let finished = if ordered {
            Finished::Ordered { slots: VecDeque::new(), head: 0 }
        } else {
            Finished::Unordered(VecDeque::new())
        };
        Self {
            finished,
            sink: Some(sink),
            spare: Vec::new(),
            in_flight: 0,
            window,
            window_awaited: false,
            workers: 0,
            followers: 0,
            is_called: false,
            closed: false,
            ended: false,
            cause: None,
            taken: 0,
            dropped: 0,
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.in_flight >= self.window
    }

    /// Returns the number of batches between source and sink.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Returns whether nothing more is emitted.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Puts one more batch in flight.
    #[expect(clippy::unnecessary_box_returns, reason = "boxed once, so that only pointers move")]
    pub(crate) fn begin(&mut self) -> Box<Batch<A::Raw, A::Unit>> {
        self.in_flight += 1;
        self.spare.pop().unwrap_or_default()
    }

    /// Takes an empty batch out of flight.
    pub(crate) fn give_back(&mut self, batch: Box<Batch<A::Raw, A::Unit>>) {
        self.in_flight -= 1;
        self.spare.push(batch);
    }

    /// Adds a finished batch.
    pub(crate) fn put(&mut self, sequence: u64, batch: Box<Batch<A::Raw, A::Unit>>) {
        match &mut self.finished {
            Finished::Ordered { slots, head } => {
                #[expect(clippy::cast_possible_truncation, reason = "it is less than the window, a usize")]
                let at = (sequence - *head) as usize;
                while slots.len() <= at {
                    slots.push_back(None);
                }
                slots[at] = Some(batch);
            }
            Finished::Unordered(queue) => queue.push_back(batch),
        }
    }

    /// Removes the batch that is to be emitted next.
    pub(crate) fn next(&mut self) -> Option<Box<Batch<A::Raw, A::Unit>>> {
        match &mut self.finished {
            Finished::Ordered { slots, head } => {
                let batch = slots.front_mut()?.take()?;
                slots.pop_front();
                *head += 1;
                Some(batch)
            }
            Finished::Unordered(queue) => queue.pop_front(),
        }
    }

    /// Takes an emitted or dropped batch out of flight. Returns whether to wake the worker that
    /// waits for the window.
    ///
    /// It is woken when a quarter of the window is free, and not for each batch: a wake-up costs
    /// about as much as a small batch.
    pub(crate) fn release(&mut self, batch: Box<Batch<A::Raw, A::Unit>>) -> bool {
        self.give_back(batch);
        let wake = self.window_awaited && self.in_flight <= self.window - self.window.div_ceil(4);
        if wake {
            self.window_awaited = false;
        }
        wake
    }

    /// Keeps the first cause.
    pub(crate) fn note(&mut self, cause: Option<PipelineFailure>) {
        if self.cause.is_none() {
            self.cause = cause;
        }
    }

    /// Takes and emits nothing more.
    pub(crate) fn end(&mut self, cause: Option<PipelineFailure>) {
        self.note(cause);
        self.closed = true;
        self.ended = true;
    }
}
