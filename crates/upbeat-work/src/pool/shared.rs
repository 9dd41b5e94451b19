//! What handles, tickets and workers of a pool share.

use std::{
    sync::{Arc, atomic::AtomicBool},
    task::{Context as TaskContext, Poll},
};

use parking_lot::Mutex;
use tokio::{sync::Notify, time::Instant};
use upbeat::{BoxError, panic::Panic};

use super::{
    batch::Batch,
    cell::Cell,
    entry::{Entry, Tell},
    hand::Hand,
    outcome::{Outcome, discard},
    queue::{Cut, Phase, Queue, Take, Wakes},
    report::Lost,
    room::{Room, Waiter},
    settings::Settings,
};

pub(super) struct Shared<J, R> {
    pub(super) name: Arc<str>,
    pub(super) settings: Settings<J>,
    pub(super) queue: Mutex<Queue<J, R>>,
    /// Workers tell at once of every job that begins, since somebody waits for its place.
    pub(super) watched: AtomicBool,
    /// A worker has its state, or is gone, or nothing is queued any more: whoever waits for one of these looks.
    pub(super) changed: Notify,
    /// Jobs have begun to wait for a worker.
    pub(super) pressed: Notify,
}

/// Why a job was not taken.
pub(super) enum Refusal<J, R> {
    Closed,
    Full(Option<Room<J, R>>),
}

/// What a worker that looks for jobs is to do.
pub(super) enum Look<J> {
    /// It has taken so many jobs as of now, and begun the first, if that was not cancelled.
    Run {
        first: Option<J>,
        jobs: usize,
        since: Instant,
    },
    Leave,
}

impl<J, R> Shared<J, R> {
    pub(super) fn new(name: Arc<str>, settings: Settings<J>) -> Self {
        let queue = Mutex::new(Queue::new(settings.queue));
        let (changed, pressed) = (Notify::new(), Notify::new());
        Self { name, settings, queue, watched: AtomicBool::new(false), changed, pressed }
    }

    /// Does something under the lock, and wakes whom it concerns without it.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Queue<J, R>, &mut Wakes) -> T) -> T {
        let mut wakes = Wakes::default();
        let mut queue = self.queue.lock();
        let done = work(&mut queue, &mut wakes);
        drop(queue);
        if wakes.pressed && self.settings.is_elastic() {
            self.pressed.notify_one();
        }
        wakes.wake();
        done
    }

    /// Appends a job if there is room. Whoever is ready to wait gets a place in the queue for that.
    pub(super) fn push(self: &Arc<Self>, cell: &Arc<Cell<J, R>>, waits: bool) -> Result<(), Refusal<J, R>> {
        self.with(|queue, wakes| {
            if !queue.is_open() {
                return Err(Refusal::Closed);
            }
            if queue.reserve(1, &self.watched, wakes) == 0 {
                return Err(Refusal::Full(waits.then(|| self.line_up(queue, wakes))));
            }
            queue.push(Entry::One { cell: cell.clone(), number: queue.accepted }, wakes);
            Ok(())
        })
    }

    /// Appends a job that has a place, unless the pool has closed meanwhile.
    pub(super) fn push_placed(&self, cell: &Arc<Cell<J, R>>) -> bool {
        self.with(|queue, wakes| {
            let open = queue.is_open();
            if open {
                queue.push(Entry::One { cell: cell.clone(), number: queue.accepted }, wakes);
            } else {
                queue.release(1, &self.watched, wakes);
            }
            open
        })
    }

    fn line_up(self: &Arc<Self>, queue: &mut Queue<J, R>, wakes: &mut Wakes) -> Room<J, R> {
        let room = Room::new(self);
        queue.wait(room.waiter().clone(), &self.watched, wakes);
        room
    }

    /// Up to `most` places, or a place in the queue for one.
    pub(super) fn reserve(self: &Arc<Self>, most: usize, waits: bool) -> Result<usize, Refusal<J, R>> {
        self.with(|queue, wakes| {
            if !queue.is_open() {
                return Err(Refusal::Closed);
            }
            match queue.reserve(most, &self.watched, wakes) {
                0 => Err(Refusal::Full(waits.then(|| self.line_up(queue, wakes)))),
                places => Ok(places),
            }
        })
    }

    /// Appends jobs that have places, and gives back those that are left over. Whether the pool was open.
    pub(super) fn push_batch(&self, batch: &Arc<Batch<J, R>>, places: usize) -> bool {
        let jobs = batch.len();
        self.with(|queue, wakes| {
            let open = queue.is_open();
            if open && jobs > 0 {
                queue.push(Entry::Run { batch: batch.clone(), from: 0, to: jobs, number: queue.accepted }, wakes);
            }
            queue.release(places - if open { jobs } else { 0 }, &self.watched, wakes);
            open
        })
    }

    pub(super) fn give_up_places(&self, places: usize) {
        self.with(|queue, wakes| queue.release(places, &self.watched, wakes));
    }

    pub(super) fn forget(&self, waiter: &Arc<Waiter>) {
        self.with(|queue, _| queue.forget(waiter));
    }

    /// A worker looks for jobs: what it takes is in its hand. `idle` says whether it has looked in vain before.
    pub(super) fn look(&self, hand: &Hand<J, R>, most: usize, idle: bool, cx: &mut TaskContext<'_>) -> Poll<Look<J>> {
        let (look, ended) = self.with(|queue, wakes| {
            if idle {
                queue.set_idle(hand.id, None);
            }
            let take = queue.take(hand, most, &self.watched, wakes);
            let ending = queue.phase == Phase::Ending;
            match take {
                Take::Jobs { first, jobs, since } => {
                    (Poll::Ready(Look::Run { first, jobs, since }), ending && queue.queued == 0)
                }
                Take::Nothing if !ending => {
                    queue.set_idle(hand.id, Some(cx.waker()));
                    (Poll::Pending, false)
                }
                Take::Nothing | Take::Cut => (Poll::Ready(Look::Leave), false),
            }
        });
        if ended {
            self.changed.notify_waiters();
        }
        look
    }

    /// The running job has to wait: what is behind it goes back into the queue.
    pub(super) fn wait_in(&self, hand: &Hand<J, R>) {
        let now = Instant::now();
        self.with(|queue, wakes| {
            let mut state = hand.state.lock();
            state.since = now;
            queue.set_active(&mut state, false);
            queue.give_back(&mut state, wakes);
        });
    }

    /// Gives the places of begun jobs to those who wait for them.
    pub(super) fn settle(&self) {
        self.with(|queue, wakes| queue.settle(&self.watched, wakes));
    }

    /// A worker has been idle for long. Whether it is one too many, and is removed.
    pub(super) fn retire(&self, hand: &Hand<J, R>) -> bool {
        let retired = self.with(|queue, _| {
            // It is not idle while it looks again, and it may be the one that was woken.
            queue.set_idle(hand.id, None);
            queue.waking = false;
            let too_many = queue.workers.len() > *self.settings.workers.start() && queue.queued == 0;
            if too_many {
                Self::remove(queue, hand);
            }
            too_many
        });
        if retired {
            self.changed.notify_waiters();
        }
        retired
    }

    fn remove(queue: &mut Queue<J, R>, hand: &Hand<J, R>) -> bool {
        let there = queue.workers.len();
        // It may be the one that was woken; then nobody else is.
        queue.waking = false;
        queue.set_idle(hand.id, None);
        queue.workers.retain(|other| other.id != hand.id);
        let removed = queue.workers.len() < there;
        if removed {
            let mut state = hand.state.lock();
            queue.tally.add(state.tally);
            queue.set_active(&mut state, false);
        }
        removed
    }

    /// A worker is gone, whatever ended it. When it was the last one, nobody is left to do what is queued.
    pub(super) fn leave(&self, hand: &Hand<J, R>) {
        let (running, cut) = self.with(|queue, wakes| {
            if !Self::remove(queue, hand) {
                return (None, None);
            }
            let mut state = hand.state.lock();
            queue.give_back(&mut state, wakes);
            queue.release(std::mem::take(&mut state.begun), &self.watched, wakes);
            let running = state.running.take();
            if let Some(running) = &running {
                queue.lost.push(running.lost(state.since.elapsed(), hand.number));
            }
            drop(state);
            // Under this lock: a moment later it might be the next run that is cut.
            (running, queue.workers.is_empty().then(|| queue.cut(&self.watched, wakes)))
        });
        if let Some(running) = running {
            running.job.finish(Outcome::Lost { begun: true }).into_iter().for_each(Tell::tell);
        }
        if let Some(cut) = cut {
            self.lose(cut);
        }
        self.changed.notify_waiters();
    }

    /// Ends everything now, and keeps what was lost.
    pub(super) fn cut(&self) {
        let cut = self.with(|queue, wakes| queue.cut(&self.watched, wakes));
        self.lose(cut);
        self.changed.notify_waiters();
    }

    /// Writes down what was cut, and tells those who wait for it.
    fn lose(&self, cut: Cut<J, R>) {
        let (mut lost, mut over, mut jobs) = (Vec::new(), Vec::new(), Vec::new());
        for (running, since, worker) in cut.running {
            lost.push(running.lost(since.elapsed(), worker));
            over.push((running.job, true));
        }
        for abort in cut.aborts {
            abort.abort();
        }
        for entry in cut.entries {
            let mut rest = Some(entry);
            while let Some(entry) = rest.take() {
                let beginning = entry.begin();
                rest = beginning.rest;
                if let Some((job, begun)) = beginning.job {
                    let name = self.settings.describe.as_ref().and_then(|name| Panic::catch(|| name(&job)).ok());
                    lost.push(Lost { number: begun.number, name, begun: None });
                    over.push((begun, false));
                    jobs.push(job);
                }
            }
        }
        self.with(|queue, wakes| {
            queue.lost.extend(lost);
            queue.release(jobs.len(), &self.watched, wakes);
            queue.cuts -= 1;
        });
        jobs.into_iter().for_each(discard);
        // Whoever is told that a job was lost finds it counted.
        for (job, begun) in over {
            job.finish(Outcome::Lost { begun }).into_iter().for_each(Tell::tell);
        }
    }

    /// Accepts nothing more. Workers finish what is queued, and leave.
    pub(super) fn close(&self) {
        let cut = self.with(|queue, wakes| {
            queue.close(wakes);
            (queue.phase == Phase::Over).then(|| queue.cut(&self.watched, wakes))
        });
        if let Some(cut) = cut {
            self.lose(cut);
        }
        self.changed.notify_waiters();
    }

    /// A worker has its first state.
    pub(super) fn built(&self, hand: &Hand<J, R>) {
        self.with(|queue, _| queue.built += usize::from(!hand.state.lock().cut));
        self.changed.notify_waiters();
    }

    /// A worker cannot build its state, and nothing more is accepted. The first such error is kept.
    pub(super) fn fail(&self, hand: &Hand<J, R>, error: BoxError) {
        let error = Arc::new(error);
        self.with(|queue, wakes| {
            // Under this lock: a moment later it might be the next run that is closed.
            if !hand.state.lock().cut {
                queue.failure.get_or_insert_with(|| error.clone());
                queue.close(wakes);
            }
        });
        self.changed.notify_waiters();
    }

    /// Completes when `is_so` returns something, which it is asked whenever something has changed.
    pub(super) async fn until<T>(&self, mut is_so: impl FnMut(&mut Queue<J, R>) -> Option<T>) -> T {
        loop {
            // Made before the look, so that a change in between wakes it.
            let changed = self.changed.notified();
            if let Some(so) = is_so(&mut self.queue.lock()) {
                return so;
            }
            changed.await;
        }
    }
}

/// Where cancelled jobs leave their places.
pub(super) trait Places: Send + Sync {
    /// So many jobs were cancelled before they began.
    fn cancelled(&self, jobs: usize);
}

impl<J: Send, R: Send> Places for Shared<J, R> {
    fn cancelled(&self, jobs: usize) {
        self.cancel(jobs);
    }
}

impl<J, R> Shared<J, R> {
    pub(super) fn cancel(&self, jobs: usize) {
        let ending = self.with(|queue, wakes| {
            queue.cancelled += jobs as u64;
            queue.release(jobs, &self.watched, wakes);
            let ending = queue.phase == Phase::Ending;
            if ending {
                queue.sweep();
            }
            ending
        });
        if ending {
            self.changed.notify_waiters();
        }
    }
}
