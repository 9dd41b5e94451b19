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
//! - **End**: waiting ends with room or with the end of the source. Nobody waits for a stop: all who wait depend on others who will see it.

mod desk;
mod tune;

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::{Duration, Instant},
};

use desk::Desk;
use parking_lot::{Condvar, Mutex, MutexGuard};
pub(crate) use tune::AIM;
use tune::Tuning;
use upbeat::{BoxError, Panic};

use crate::{Cause, StopHandle, source::Filled};

/// What the engine drives, without types of items.
pub(crate) trait Plan: Send + Sync {
    type Source: Send;
    type Sink: Send;
    type Batch: Default + Send;

    fn fill(&self, source: &mut Self::Source, batch: &mut Self::Batch, want: usize) -> Result<Filled, BoxError>;

    fn work(&self, batch: &mut Self::Batch);

    /// Leaves the batch empty.
    fn emit(&self, sink: &mut Self::Sink, batch: &mut Self::Batch) -> Result<(), Cause>;

    /// Leaves the batch empty, and says how many items of the source were in it.
    fn discard(&self, batch: &mut Self::Batch) -> u64;
}

/// How a pipeline runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct How {
    pub(crate) window: usize,
    pub(crate) ordered: bool,
    pub(crate) first_batch: usize,
    pub(crate) most_batch: usize,
    pub(crate) batch_time: Duration,
}

pub(crate) struct Engine<P: Plan> {
    plan: P,
    stop: StopHandle,
    source: Mutex<Intake<P::Source>>,
    desk: Mutex<Desk<P>>,
    /// For the one worker that has the source and waits for the window.
    room: Condvar,
    /// For the workers that wait for the source.
    turn: Condvar,
    /// Whether the source has more at hand than one worker takes.
    backlog: AtomicBool,
    tuning: Tuning,
}

struct Intake<S> {
    source: S,
    sequence: u64,
    ended: bool,
}

/// What is left when all workers have ended.
pub(crate) struct Remains<P: Plan> {
    /// `None` if it was lost in a panic.
    pub(crate) sink: Option<P::Sink>,
    pub(crate) cause: Option<Cause>,
    pub(crate) taken: u64,
    pub(crate) dropped: u64,
    /// Whether the source came to its end.
    pub(crate) ended: bool,
}

struct Pulled<B> {
    sequence: u64,
    batch: Box<B>,
    size: usize,
}

impl<P: Plan> Engine<P> {
    pub(crate) fn new(plan: P, source: P::Source, sink: P::Sink, how: How, stop: StopHandle) -> Self {
        Self {
            plan,
            stop,
            source: Mutex::new(Intake { source, sequence: 0, ended: false }),
            desk: Mutex::new(Desk::new(sink, how.window, how.ordered)),
            room: Condvar::new(),
            turn: Condvar::new(),
            backlog: AtomicBool::new(true),
            tuning: Tuning::new(how.first_batch, how.most_batch, how.batch_time),
        }
    }

    /// What each worker does, until the source has ended or there was a reason to.
    pub(crate) fn work(&self) {
        let run = Panic::catch(|| {
            while let Some(mut pulled) = self.pull() {
                let begun = Instant::now();
                // Who emits a batch that was not worked on sees this too, since it comes to them by the desk's lock, and drops it.
                if !self.stop.is_dropping() {
                    self.plan.work(&mut pulled.batch);
                }
                self.tuning.worked(pulled.size, begun.elapsed());
                self.put_down(pulled.sequence, pulled.batch);
                self.tuning.was_away(begun.elapsed());
            }
        });
        if let Err(panic) = run {
            self.end(Cause::Panicked(panic));
        }
    }

    pub(crate) fn into_remains(self) -> Remains<P> {
        let desk = self.desk.into_inner();
        let intake = self.source.into_inner();
        Remains { sink: desk.sink, cause: desk.cause, taken: desk.taken, dropped: desk.dropped, ended: intake.ended }
    }

    /// The next batch, or `None` at the end.
    fn pull(&self) -> Option<Pulled<P::Batch>> {
        let mut intake = self.enter()?;
        loop {
            if intake.ended || self.stop.is_stopping() {
                self.close(None);
                return None;
            }
            let mut batch = self.wait_for_room()?;
            if self.stop.is_stopping() {
                self.desk.lock().give_back(batch);
                continue;
            }
            let filled = Panic::catch(|| self.plan.fill(&mut intake.source, &mut batch, self.tuning.want()));
            match filled.unwrap_or_else(|panic| Err(panic.into())) {
                Ok(filled) => {
                    intake.ended = !filled.more;
                    if filled.items == 0 {
                        self.desk.lock().give_back(batch);
                        continue;
                    }
                    let sequence = intake.sequence;
                    intake.sequence += 1;
                    self.leave(intake, &filled);
                    return Some(Pulled { sequence, batch, size: filled.size });
                }
                Err(error) => {
                    // What was taken before still comes out.
                    self.desk.lock().give_back(batch);
                    self.close(Some(Cause::Source(error)));
                    return None;
                }
            }
        }
    }

    /// Waits for the source.
    fn enter(&self) -> Option<MutexGuard<'_, Intake<P::Source>>> {
        // In a backlog the holder is about to leave: its lock spins before it sleeps.
        if !self.backlog.load(Relaxed) {
            if let Some(intake) = self.source.try_lock() {
                return Some(intake);
            }
            let mut desk = self.desk.lock();
            // Looked at again under the lock, because who sets it then looks for followers under it.
            if !self.backlog.load(Relaxed) {
                desk.followers += 1;
                while !desk.is_called && !desk.closed {
                    self.turn.wait(&mut desk);
                }
                desk.followers -= 1;
                desk.is_called = false;
                if desk.closed {
                    return None;
                }
            }
        }
        Some(self.source.lock())
    }

    fn leave(&self, intake: MutexGuard<'_, Intake<P::Source>>, filled: &Filled) {
        let backlog = !filled.slow || self.tuning.is_worth_waking();
        let ended = intake.ended;
        if self.backlog.load(Relaxed) != backlog {
            self.backlog.store(backlog, Relaxed);
        }
        drop(intake);
        let mut desk = self.desk.lock();
        desk.taken += filled.items;
        desk.closed |= ended;
        if desk.followers == 0 {
            return;
        }
        if ended {
            self.turn.notify_all();
        } else if backlog {
            desk.is_called = true;
            self.turn.notify_one();
        }
    }

    /// Room in the window, and memory for a batch.
    fn wait_for_room(&self) -> Option<Box<P::Batch>> {
        let mut desk = self.desk.lock();
        if desk.is_full() {
            desk.waits_for_room = true;
            while desk.waits_for_room && !desk.is_over() {
                self.room.wait(&mut desk);
            }
        }
        if desk.is_over() { None } else { Some(desk.begin()) }
    }

    /// Puts a finished batch down, and emits what is next if the sink is free.
    fn put_down(&self, sequence: u64, batch: Box<P::Batch>) {
        let mut desk = self.desk.lock();
        desk.put(sequence, batch);
        let Some((mut sink, mut batch)) = desk.take_sink() else { return };
        loop {
            let is_over = desk.is_over();
            drop(desk);
            let mut emitted = Ok(());
            let mut dropped = 0;
            if is_over || self.stop.is_dropping() {
                dropped = self.plan.discard(&mut batch);
            } else {
                emitted = self.plan.emit(&mut sink, &mut batch);
            }
            desk = self.desk.lock();
            desk.dropped += dropped;
            if let Err(cause) = emitted {
                desk.end(cause);
                self.turn.notify_all();
                self.room.notify_all();
            }
            if desk.done_with(batch) {
                self.room.notify_one();
            }
            match desk.next() {
                Some(next) => batch = next,
                None => break,
            }
        }
        desk.sink = Some(sink);
    }

    /// Nothing more is taken.
    fn close(&self, cause: Option<Cause>) {
        let mut desk = self.desk.lock();
        desk.closed = true;
        desk.note(cause);
        self.turn.notify_all();
    }

    /// Nothing more is taken or emitted.
    fn end(&self, cause: Cause) {
        self.desk.lock().end(cause);
        self.turn.notify_all();
        self.room.notify_all();
    }
}
