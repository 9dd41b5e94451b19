//! The engine of a section: workers that run batches to completion.
//!
//! Hops between stages cost more than the work, so there are none. In a loop, each worker takes a
//! batch from the source, runs all stages on it, and adds it to the reorder buffer. If the sink is
//! free, the worker then emits the batches that are next. No thread is reserved for the source or
//! the sink.
//!
//! The lock of the source hands out batches and their numbers. All else is decided under the lock
//! of the [reorder buffer](reorder), which is held for a few instructions for each batch, and never
//! while code of the caller runs. A batch is meant to take 50 µs, so neither lock is contended.
//!
//! - **Order**: a batch is emitted when its number is the next. Only the worker that has the sink
//!   emits. While no worker has it, the sink is in the reorder buffer.
//! - **Bound**: there are never more batches in flight than the window. The worker that would take
//!   one more waits for the window, and holds the lock of the source. Other workers have nothing to
//!   take either.
//! - **Progress**: a worker that adds a batch looks for the next one under the same lock. Either
//!   the sink is free, or the worker that has it looks again, under that lock, before it puts the
//!   sink back. No batch that is next is therefore left behind.
//! - **Followers**: while the source is slow, one worker is enough. The others sleep until there is
//!   a backlog, because waking one costs more than a cheap item.
//! - **End**: the wait for the window ends with space in it, or with the end of the source. The
//!   wait for the source ends with a stop, or with an end that another worker has found. All other
//!   waits depend on a worker that notices one of these. The last worker closes the source and the
//!   sink.

mod assembly;
mod config;
mod executor;
mod fused;
mod reorder;
mod timed;
mod tuner;

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Instant,
};

pub use assembly::{Assembled, Assembly};
pub(crate) use config::EngineConfig;
pub(crate) use executor::SinkEnd;
use executor::{Batch, Executor};
use parking_lot::{Condvar, Mutex, MutexGuard};
use reorder::ReorderBuffer;
use tuner::BatchTuner;
use upbeat::{diagnostics::Progress, panic::Panic};

use crate::pipeline::{
    control::{Control, RunSection, SectionOutcome, SourceWait, StopHandle},
    meter::{Activity, LinkFill, MeterSpan},
    options::OnStop,
    outcome::PipelineFailure,
    sink::{Sink, SinkClosed},
    source::{Feed, Filled},
};

/// A section with its workers' shared state.
pub(crate) struct Engine<A: Assembly> {
    executor: Executor<A>,
    workers: usize,
    stop: StopHandle,
    /// Dropping when nothing more is to come out of this section, for a reason in it or in the
    /// section behind. It ends the wait for the source.
    section_stop: StopHandle,
    waiting: SourceWait,
    source: Mutex<SourceState<A::Source>>,
    buffer: Mutex<ReorderBuffer<A>>,
    /// Wakes the one worker that has the source and waits for the window.
    window: Condvar,
    /// Wakes the workers that wait for the source.
    turn: Condvar,
    /// Whether the source has more at hand than one worker takes.
    backlog: AtomicBool,
    tuner: BatchTuner,
}

struct SourceState<S> {
    source: S,
    sequence: u64,
    /// The source is not called again.
    ended: bool,
    /// There was a stop before the end of the source.
    stopped: bool,
}

/// The parts of an engine that are left when all workers have ended.
pub(crate) struct EngineResult<A: Assembly> {
    /// `None` if it was lost in a panic.
    pub(crate) sink: Option<SinkEnd<A::Sink, A::Failures>>,
    pub(crate) outcome: SectionOutcome,
}

struct TakenBatch<B> {
    sequence: u64,
    batch: Box<B>,
    size: usize,
}

impl<A: Assembly> RunSection for Engine<A> {
    fn workers(&self) -> usize {
        self.workers
    }

    fn work(&self) {
        Self::work(self);
    }

    fn refuse(&self, error: io::Error) {
        self.end(PipelineFailure::Source(error.into()));
        self.leave_all();
    }

    fn outcome(&self) -> SectionOutcome {
        self.result()
    }
}

impl<A: Assembly> Engine<A> {
    /// Returns the engine of the last section. `names` are those of its stages and its sink.
    pub(crate) fn new(
        assembly: A,
        config: EngineConfig,
        names: Arc<[Arc<str>]>,
        control: Control,
        progress: Option<Arc<Progress>>,
    ) -> Self {
        let meter = control.meters().fused(config.workers, config.window, None, names.clone());
        let (source, stages, sink, failures) = assembly.into_parts();
        let executor = Executor { stages, names, control, meter, is_last: true, progress };
        Self::with_executor(executor, config, source, SinkEnd { sink, failures })
    }

    /// Returns the engine of a section before others, where `buffer` is behind it.
    pub(crate) fn of_section(
        assembly: A,
        config: EngineConfig,
        names: Arc<[Arc<str>]>,
        control: Control,
        buffer: Arc<LinkFill>,
    ) -> Self {
        let meter = control.meters().fused(config.workers, config.window, Some(buffer), names.clone());
        let (source, stages, sink, failures) = assembly.into_parts();
        let executor = Executor { stages, names, control, meter, is_last: false, progress: None };
        Self::with_executor(executor, config, source, SinkEnd { sink, failures })
    }

    fn with_executor(
        executor: Executor<A>,
        config: EngineConfig,
        source: A::Source,
        sink: SinkEnd<A::Sink, A::Failures>,
    ) -> Self {
        let section_stop = StopHandle::default();
        Self {
            workers: config.workers,
            stop: executor.control.stop().clone(),
            waiting: SourceWait::new(executor.control.clone(), section_stop.clone(), config.batch_time),
            section_stop,
            source: Mutex::new(SourceState { source, sequence: 0, ended: false, stopped: false }),
            buffer: Mutex::new(ReorderBuffer::new(sink, config.window, config.ordered)),
            window: Condvar::new(),
            turn: Condvar::new(),
            backlog: AtomicBool::new(true),
            tuner: BatchTuner::new(config.first_batch, config.max_batch, config.batch_time),
            executor,
        }
    }

    /// Returns the handle that ends the section without a cause of its own.
    pub(crate) fn section_stop(&self) -> StopHandle {
        self.section_stop.clone()
    }

    /// Runs one worker until the source has ended, or until there is a reason to end.
    pub(crate) fn work(&self) {
        self.buffer.lock().workers += 1;
        let run = Panic::catch(|| {
            let span = self.executor.meter.begin();
            while let Some(mut taken) = self.take(&span) {
                span.turn_to(Activity::Work);
                let begun = Instant::now();
                // The emitting worker drops a batch that was not worked on: it sees the same stop,
                // as the batch reaches it through the lock of the buffer.
                if !self.stop.is_dropping() && self.executor.work(&mut taken.batch) {
                    self.tuner.worked(taken.size, begun.elapsed());
                }
                self.put(taken.sequence, taken.batch, &span);
                self.tuner.was_away(begun.elapsed());
            }
        });
        if let Err(panic) = run {
            self.end(PipelineFailure::Panicked(panic));
        }
        let left = {
            let mut buffer = self.buffer.lock();
            buffer.workers -= 1;
            buffer.workers
        };
        if left == 0 {
            self.leave_all();
        }
    }

    pub(crate) fn into_result(self) -> EngineResult<A> {
        let outcome = self.result();
        EngineResult { sink: self.buffer.into_inner().sink, outcome }
    }

    fn result(&self) -> SectionOutcome {
        let stopped = self.source.lock().stopped;
        let mut buffer = self.buffer.lock();
        SectionOutcome { cause: buffer.cause.take(), taken: buffer.taken, dropped: buffer.dropped, stopped }
    }

    /// Takes the next batch from the source, or `None` at the end.
    fn take(&self, span: &MeterSpan<'_>) -> Option<TakenBatch<Batch<A::Raw, A::Unit>>> {
        span.turn_to(Activity::AwaitSource);
        let mut state = self.enter()?;
        loop {
            if self.is_at_end(&mut state) {
                self.close(None);
                return None;
            }
            let mut batch = self.wait_for_window(span)?;
            span.turn_to(Activity::Source);
            if self.is_at_end(&mut state) {
                self.give_back(batch);
                continue;
            }
            let want = self.tuner.want();
            let filled = Panic::catch(|| batch.fill(&mut state.source, want, &self.waiting));
            match filled.unwrap_or_else(|panic| Err(panic.into())) {
                Ok(filled) => {
                    state.ended = !filled.more;
                    if filled.items == 0 {
                        self.give_back(batch);
                        continue;
                    }
                    let sequence = state.sequence;
                    state.sequence += 1;
                    self.leave(state, &filled);
                    return Some(TakenBatch { sequence, batch, size: filled.size });
                }
                Err(error) => {
                    // Batches taken before still come out. The source must not be called again by
                    // the workers that wait for it.
                    state.ended = true;
                    self.give_back(batch);
                    self.close(Some(PipelineFailure::Source(error)));
                    return None;
                }
            }
        }
    }

    /// Returns whether the source is not to be called again. Passes a stop on to it.
    fn is_at_end(&self, state: &mut SourceState<A::Source>) -> bool {
        // Read first: the section behind may have ended this one because of a stop, which is then
        // seen below.
        let has_ended = self.section_stop.is_dropping();
        if !state.ended && self.stop.is_stopping() {
            if !state.stopped {
                state.stopped = true;
                state.ended = !state.source.close();
            }
            state.ended |= self.stop.is_dropping();
        }
        state.ended |= has_ended;
        state.ended
    }

    /// Waits for the source.
    fn enter(&self) -> Option<MutexGuard<'_, SourceState<A::Source>>> {
        // In a backlog the worker that has the source leaves it soon: its lock spins before it
        // sleeps.
        if !self.backlog.load(Relaxed) {
            if let Some(state) = self.source.try_lock() {
                return Some(state);
            }
            let mut buffer = self.buffer.lock();
            // Read again under the lock: the worker that sets it then looks for followers under it.
            if !self.backlog.load(Relaxed) {
                buffer.followers += 1;
                while !buffer.is_called && !buffer.closed {
                    self.turn.wait(&mut buffer);
                }
                buffer.followers -= 1;
                buffer.is_called = false;
                if buffer.closed {
                    return None;
                }
            }
        }
        Some(self.source.lock())
    }

    /// Leaves the source, and calls a follower to it if there is a backlog.
    fn leave(&self, state: MutexGuard<'_, SourceState<A::Source>>, filled: &Filled) {
        let backlog = !filled.slow || self.tuner.is_worth_waking();
        let ended = state.ended;
        if self.backlog.load(Relaxed) != backlog {
            self.backlog.store(backlog, Relaxed);
        }
        drop(state);
        let mut buffer = self.buffer.lock();
        buffer.taken += filled.items;
        self.executor.meter.taken.store(buffer.taken, Relaxed);
        buffer.closed |= ended;
        if buffer.followers == 0 {
            return;
        }
        if ended {
            self.turn.notify_all();
        } else if backlog {
            buffer.is_called = true;
            self.turn.notify_one();
        }
    }

    /// Waits for the window, and returns an empty batch, or `None` if nothing more is emitted.
    fn wait_for_window(&self, span: &MeterSpan<'_>) -> Option<Box<Batch<A::Raw, A::Unit>>> {
        let mut buffer = self.buffer.lock();
        if buffer.is_full() {
            buffer.window_awaited = true;
            span.turn_to(Activity::AwaitWindow);
            while buffer.window_awaited && !buffer.has_ended() {
                self.window.wait(&mut buffer);
            }
        }
        if buffer.has_ended() {
            return None;
        }
        let batch = buffer.begin();
        self.executor.meter.set_in_flight(buffer.in_flight());
        Some(batch)
    }

    /// Gives an empty batch back.
    fn give_back(&self, batch: Box<Batch<A::Raw, A::Unit>>) {
        let mut buffer = self.buffer.lock();
        buffer.give_back(batch);
        self.executor.meter.set_in_flight(buffer.in_flight());
    }

    /// Adds a finished batch to the buffer, and emits the batches that are next if the sink is
    /// free.
    fn put(&self, sequence: u64, batch: Box<Batch<A::Raw, A::Unit>>, span: &MeterSpan<'_>) {
        let mut buffer = self.buffer.lock();
        buffer.put(sequence, batch);
        let Some(mut sink) = buffer.sink.take() else { return };
        span.turn_to(Activity::Sink);
        while let Some(mut batch) = buffer.next() {
            let has_ended = buffer.has_ended();
            drop(buffer);
            let mut emitted = Ok(());
            let mut dropped = 0;
            if has_ended || self.stop.is_dropping() {
                dropped = batch.discard::<A::Source>();
            } else {
                emitted = self.executor.emit(&mut sink, &mut batch);
            }
            buffer = self.buffer.lock();
            buffer.dropped += dropped;
            if let Err(SinkClosed { cause, dropped }) = emitted {
                buffer.dropped += dropped;
                buffer.end(cause);
                self.wake_all();
            }
            if buffer.release(batch) {
                self.window.notify_one();
            }
            self.executor.meter.set_in_flight(buffer.in_flight());
            self.executor.meter.dropped.store(buffer.dropped, Relaxed);
        }
        buffer.sink = Some(sink);
    }

    /// Takes nothing more.
    fn close(&self, cause: Option<PipelineFailure>) {
        let mut buffer = self.buffer.lock();
        buffer.closed = true;
        buffer.note(cause);
        self.turn.notify_all();
    }

    /// Takes and emits nothing more.
    fn end(&self, cause: PipelineFailure) {
        self.buffer.lock().end(Some(cause));
        self.wake_all();
    }

    fn wake_all(&self) {
        self.turn.notify_all();
        self.window.notify_all();
        self.section_stop.stop(OnStop::Drop);
    }

    /// Closes the source and the sink after the last worker.
    ///
    /// A worker that begins only now finds nothing to do, and calls this again without effect.
    fn leave_all(&self) {
        let mut state = self.source.lock();
        // The section behind may have seen a stop first, and ended this one.
        self.is_at_end(&mut state);
        state.ended = true;
        let mut sink = self.buffer.lock().sink.take();
        let left = Panic::catch(|| {
            if let Some(end) = &mut sink {
                end.sink.leave();
            }
            state.source.lost()
        });
        let mut buffer = self.buffer.lock();
        buffer.sink = sink;
        match left {
            Ok(lost) => {
                buffer.taken += lost;
                buffer.dropped += lost;
                self.executor.meter.taken.store(buffer.taken, Relaxed);
                self.executor.meter.dropped.store(buffer.dropped, Relaxed);
            }
            Err(panic) => buffer.note(Some(PipelineFailure::Panicked(panic))),
        }
    }
}
