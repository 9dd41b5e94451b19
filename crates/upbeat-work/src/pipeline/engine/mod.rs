//! The engine: workers that run batches to completion.
//!
//! Hops between stages cost more than the work, so there are none. Each worker goes round: it takes a batch from the source, runs all stages on it, puts it down
//! at the desk, and, if the sink is free, emits whatever is next. There is no thread for the source and none for the sink.
//!
//! What keeps it correct is little: the source's lock gives out batches and their numbers; everything else is decided under the one lock of the
//! [desk](desk), which is held for a few instructions per batch, never while code of the user runs. A batch is meant to take 50 µs, so neither lock is contended.
//!
//! - **Order**: a batch is emitted when its number is the next. Only who holds the sink emits, and the sink lies at the desk when nobody does.
//! - **Bound**: from the source to the sink there are never more batches than the window. Who would take one more waits for room, with the source's lock in hand: the
//!   others have nothing to take either.
//! - **Progress**: who puts a batch down looks for the next one under the same lock, so a batch that is next is never left lying: either the sink was
//!   free, or its holder looks again, under that lock, before laying it down.
//! - **Followers**: while the source is slow one worker is enough; the others sleep until there is a backlog, because waking one costs more than a cheap item.
//! - **End**: waiting ends with room or with the end of the source. Who waits for the source is woken by a stop, and by an end that others found
//!   meanwhile; all others who wait depend on somebody who will see it. The last worker to leave closes what it leaves behind.

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

pub(crate) use config::EngineConfig;
use executor::Executor;
pub(crate) use fused::{FusedStages, SinkEnd};
use parking_lot::{Condvar, Mutex, MutexGuard};
use reorder::ReorderBuffer;
use tuner::BatchTuner;
use upbeat::panic::Panic;

use crate::pipeline::{
    control::{Control, RunSection, SectionOutcome, SourceWait, StopHandle},
    meter::{Activity, MeterSpan, SectionMeter},
    options::OnStop,
    outcome::PipelineFailure,
    sink::SinkClosed,
    source::Filled,
};

pub(crate) struct Engine<P: Executor> {
    plan: P,
    workers: usize,
    stop: StopHandle,
    /// Dropping when it is known in here, or in the section behind, that nothing more is to come out: it ends the waiting for the source.
    over: StopHandle,
    waiting: SourceWait,
    source: Mutex<SourceState<P::Source>>,
    buffer: Mutex<ReorderBuffer<P>>,
    /// For the one worker that has the source and waits for the window.
    room: Condvar,
    /// For the workers that wait for the source.
    turn: Condvar,
    /// Whether the source has more at hand than one worker takes.
    backlog: AtomicBool,
    tuning: BatchTuner,
    meter: Arc<SectionMeter>,
}

struct SourceState<S> {
    source: S,
    sequence: u64,
    /// Nothing more is asked for.
    ended: bool,
    /// It was asked to stop before it ended.
    stopped: bool,
}

/// What is left when all workers have ended.
pub(crate) struct EngineResult<P: Executor> {
    /// `None` if it was lost in a panic.
    pub(crate) sink: Option<P::Sink>,
    pub(crate) outcome: SectionOutcome,
}

struct TakenBatch<B> {
    sequence: u64,
    batch: Box<B>,
    size: usize,
}

impl<P: Executor> RunSection for Engine<P> {
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

impl<P: Executor> Engine<P> {
    pub(crate) fn new(
        plan: P,
        source: P::Source,
        sink: P::Sink,
        how: EngineConfig,
        run: &Control,
        meter: Arc<SectionMeter>,
    ) -> Self {
        let over = StopHandle::default();
        Self {
            plan,
            workers: how.workers,
            stop: run.stop().clone(),
            waiting: SourceWait::new(run.clone(), over.clone(), how.batch_time),
            over,
            source: Mutex::new(SourceState { source, sequence: 0, ended: false, stopped: false }),
            buffer: Mutex::new(ReorderBuffer::new(sink, how.window, how.ordered)),
            room: Condvar::new(),
            turn: Condvar::new(),
            backlog: AtomicBool::new(true),
            tuning: BatchTuner::new(how.first_batch, how.most_batch, how.batch_time),
            meter,
        }
    }

    /// To end it without a cause of its own.
    pub(crate) fn over(&self) -> StopHandle {
        self.over.clone()
    }

    /// What each worker does, until the source has ended or there was a reason to.
    pub(crate) fn work(&self) {
        self.buffer.lock().workers += 1;
        let run = Panic::catch(|| {
            let span = self.meter.begin();
            while let Some(mut pulled) = self.pull(&span) {
                span.turn_to(Activity::Work);
                let begun = Instant::now();
                // Who emits a batch that was not worked on sees this too, since it comes to them by the desk's lock, and drops it.
                if !self.stop.is_dropping() && self.plan.work(&mut pulled.batch) {
                    self.tuning.worked(pulled.size, begun.elapsed());
                }
                self.put_down(pulled.sequence, pulled.batch, &span);
                self.tuning.was_away(begun.elapsed());
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

    pub(crate) fn into_remains(self) -> EngineResult<P> {
        let outcome = self.result();
        EngineResult { sink: self.buffer.into_inner().sink, outcome }
    }

    fn result(&self) -> SectionOutcome {
        let stopped = self.source.lock().stopped;
        let mut buffer = self.buffer.lock();
        SectionOutcome { cause: buffer.cause.take(), taken: buffer.taken, dropped: buffer.dropped, stopped }
    }

    /// The next batch, or `None` at the end.
    fn pull(&self, span: &MeterSpan<'_>) -> Option<TakenBatch<P::Batch>> {
        span.turn_to(Activity::Turn);
        let mut intake = self.enter()?;
        loop {
            if self.is_at_end(&mut intake) {
                self.close(None);
                return None;
            }
            let mut batch = self.wait_for_room(span)?;
            span.turn_to(Activity::Source);
            if self.is_at_end(&mut intake) {
                self.give_back(batch);
                continue;
            }
            let want = self.tuning.want();
            let filled = Panic::catch(|| self.plan.fill(&mut intake.source, &mut batch, want, &self.waiting));
            match filled.unwrap_or_else(|panic| Err(panic.into())) {
                Ok(filled) => {
                    intake.ended = !filled.more;
                    if filled.items == 0 {
                        self.give_back(batch);
                        continue;
                    }
                    let sequence = intake.sequence;
                    intake.sequence += 1;
                    self.leave(intake, &filled);
                    return Some(TakenBatch { sequence, batch, size: filled.size });
                }
                Err(error) => {
                    // What was taken before still comes out. Whoever waits for the source must not ask it again.
                    intake.ended = true;
                    self.give_back(batch);
                    self.close(Some(PipelineFailure::Source(error)));
                    return None;
                }
            }
        }
    }

    /// Whether the source is to be asked for nothing more. If it is to stop it learns that here.
    fn is_at_end(&self, intake: &mut SourceState<P::Source>) -> bool {
        // Looked at first: the section behind may end this one because of a stop, which then is seen below.
        let is_over = self.over.is_dropping();
        if !intake.ended && self.stop.is_stopping() {
            if !intake.stopped {
                intake.stopped = true;
                intake.ended = !self.plan.close(&mut intake.source);
            }
            intake.ended |= self.stop.is_dropping();
        }
        intake.ended |= is_over;
        intake.ended
    }

    /// Waits for the source.
    fn enter(&self) -> Option<MutexGuard<'_, SourceState<P::Source>>> {
        // In a backlog the holder is about to leave: its lock spins before it sleeps.
        if !self.backlog.load(Relaxed) {
            if let Some(intake) = self.source.try_lock() {
                return Some(intake);
            }
            let mut buffer = self.buffer.lock();
            // Looked at again under the lock, because who sets it then looks for followers under it.
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

    fn leave(&self, intake: MutexGuard<'_, SourceState<P::Source>>, filled: &Filled) {
        let backlog = !filled.slow || self.tuning.is_worth_waking();
        let ended = intake.ended;
        if self.backlog.load(Relaxed) != backlog {
            self.backlog.store(backlog, Relaxed);
        }
        drop(intake);
        let mut buffer = self.buffer.lock();
        buffer.taken += filled.items;
        self.meter.taken.store(buffer.taken, Relaxed);
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

    /// Room in the window, and memory for a batch.
    fn wait_for_room(&self, span: &MeterSpan<'_>) -> Option<Box<P::Batch>> {
        let mut buffer = self.buffer.lock();
        if buffer.is_full() {
            buffer.waits_for_room = true;
            span.turn_to(Activity::Room);
            while buffer.waits_for_room && !buffer.is_over() {
                self.room.wait(&mut buffer);
            }
        }
        if buffer.is_over() {
            return None;
        }
        let batch = buffer.begin();
        self.meter.is_in_flight(buffer.in_flight());
        Some(batch)
    }

    /// What was taken for a batch came to nothing.
    fn give_back(&self, batch: Box<P::Batch>) {
        let mut buffer = self.buffer.lock();
        buffer.give_back(batch);
        self.meter.is_in_flight(buffer.in_flight());
    }

    /// Puts a finished batch down, and emits what is next if the sink is free.
    fn put_down(&self, sequence: u64, batch: Box<P::Batch>, span: &MeterSpan<'_>) {
        let mut buffer = self.buffer.lock();
        buffer.put(sequence, batch);
        let Some((mut sink, mut batch)) = buffer.take_sink() else { return };
        span.turn_to(Activity::Sink);
        loop {
            let is_over = buffer.is_over();
            drop(buffer);
            let mut emitted = Ok(());
            let mut dropped = 0;
            if is_over || self.stop.is_dropping() {
                dropped = self.plan.discard(&mut batch);
            } else {
                emitted = self.plan.emit(&mut sink, &mut batch);
            }
            buffer = self.buffer.lock();
            buffer.dropped += dropped;
            if let Err(SinkClosed { cause, dropped }) = emitted {
                buffer.dropped += dropped;
                buffer.end(cause);
                self.wake_all();
            }
            if buffer.done_with(batch) {
                self.room.notify_one();
            }
            self.meter.is_in_flight(buffer.in_flight());
            self.meter.dropped.store(buffer.dropped, Relaxed);
            match buffer.next() {
                Some(next) => batch = next,
                None => break,
            }
        }
        buffer.sink = Some(sink);
    }

    /// Nothing more is taken.
    fn close(&self, cause: Option<PipelineFailure>) {
        let mut buffer = self.buffer.lock();
        buffer.closed = true;
        buffer.note(cause);
        self.turn.notify_all();
    }

    /// Nothing more is taken or emitted.
    fn end(&self, cause: PipelineFailure) {
        self.buffer.lock().end(Some(cause));
        self.wake_all();
    }

    fn wake_all(&self) {
        self.turn.notify_all();
        self.room.notify_all();
        self.over.stop(OnStop::Drop);
    }

    /// The last worker has left. One that begins only now finds nothing to do, and does this again in vain.
    fn leave_all(&self) {
        let mut intake = self.source.lock();
        // It may have been the section behind that saw a stop first, and ended this one.
        self.is_at_end(&mut intake);
        intake.ended = true;
        let mut sink = self.buffer.lock().sink.take();
        let left = Panic::catch(|| self.plan.leave(&mut intake.source, sink.as_mut()));
        let mut buffer = self.buffer.lock();
        buffer.sink = sink;
        match left {
            Ok(lost) => {
                buffer.taken += lost;
                buffer.dropped += lost;
                self.meter.taken.store(buffer.taken, Relaxed);
                self.meter.dropped.store(buffer.dropped, Relaxed);
            }
            Err(panic) => buffer.note(Some(PipelineFailure::Panicked(panic))),
        }
    }
}
