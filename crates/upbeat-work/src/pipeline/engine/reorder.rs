//! Where finished batches lie until it is their turn. All of it is under one lock.

use std::collections::VecDeque;

use super::executor::Executor;
use crate::pipeline::outcome::PipelineFailure;

#[expect(clippy::struct_excessive_bools, reason = "each is one answer, and any mix of them occurs")]
pub(crate) struct ReorderBuffer<P: Executor> {
    finished: Finished<Box<P::Batch>>,
    /// The sink, unless somebody emits.
    pub(crate) sink: Option<P::Sink>,
    /// Emptied batches, whose memory is used again. The last one is the warmest.
    spare: Vec<Box<P::Batch>>,
    /// Batches between source and sink, the one that is being filled included.
    in_flight: usize,
    window: usize,
    pub(crate) waits_for_room: bool,
    /// How many workers are at work.
    pub(crate) workers: usize,
    /// How many of them wait to be called to the source.
    pub(crate) followers: usize,
    pub(crate) is_called: bool,
    /// Nothing more is taken.
    pub(crate) closed: bool,
    /// Nothing more is emitted.
    over: bool,
    pub(crate) cause: Option<PipelineFailure>,
    pub(crate) taken: u64,
    pub(crate) dropped: u64,
}

enum Finished<B> {
    /// A ring: each batch lies at its number.
    Ordered {
        slots: VecDeque<Option<B>>,
        head: u64,
    },
    Unordered(VecDeque<B>),
}

impl<P: Executor> ReorderBuffer<P> {
    pub(crate) fn new(sink: P::Sink, window: usize, ordered: bool) -> Self {
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
            waits_for_room: false,
            workers: 0,
            followers: 0,
            is_called: false,
            closed: false,
            over: false,
            cause: None,
            taken: 0,
            dropped: 0,
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.in_flight >= self.window
    }

    /// How many batches are between source and sink.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Whether nothing more is emitted.
    pub(crate) fn is_over(&self) -> bool {
        self.over
    }

    /// One batch more in flight.
    #[expect(clippy::unnecessary_box_returns, reason = "boxed once, so that it is a pointer that moves")]
    pub(crate) fn begin(&mut self) -> Box<P::Batch> {
        self.in_flight += 1;
        self.spare.pop().unwrap_or_default()
    }

    /// A batch that came to nothing.
    pub(crate) fn give_back(&mut self, batch: Box<P::Batch>) {
        self.in_flight -= 1;
        self.spare.push(batch);
    }

    pub(crate) fn put(&mut self, sequence: u64, batch: Box<P::Batch>) {
        match &mut self.finished {
            Finished::Ordered { slots, head } => {
                // No further than the window.
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

    /// The batch that is to be emitted now.
    pub(crate) fn next(&mut self) -> Option<Box<P::Batch>> {
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

    /// The sink and what is to be emitted, if both are there.
    pub(crate) fn take_sink(&mut self) -> Option<(P::Sink, Box<P::Batch>)> {
        let sink = self.sink.take()?;
        let Some(batch) = self.next() else {
            self.sink = Some(sink);
            return None;
        };
        Some((sink, batch))
    }

    /// A batch was emitted or dropped. Says whether to wake the one who waits for room: not for each batch, but when a quarter of the window is free, because
    /// a wake-up costs about as much as a small batch.
    pub(crate) fn done_with(&mut self, batch: Box<P::Batch>) -> bool {
        self.give_back(batch);
        let wake = self.waits_for_room && self.in_flight <= self.window - self.window.div_ceil(4);
        if wake {
            self.waits_for_room = false;
        }
        wake
    }

    pub(crate) fn note(&mut self, cause: Option<PipelineFailure>) {
        if self.cause.is_none() {
            self.cause = cause;
        }
    }

    pub(crate) fn end(&mut self, cause: Option<PipelineFailure>) {
        self.note(cause);
        self.closed = true;
        self.over = true;
    }
}
