//! The queue: jobs, places, who waits for either, and the workers. What the pool's one lock is around.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Waker,
};

use tokio::{task::AbortHandle, time::Instant};
use upbeat::BoxError;

use super::{
    entry::Entry,
    hand::{Hand, HandState, Running, Tally},
    report::Lost,
    room::Waiter,
};

/// How many cancelled jobs may lie in the queue beside those that are alive, before they are swept out.
const HUSKS: usize = 64;

pub(super) struct Queue<J, R> {
    pub(super) entries: VecDeque<Entry<J, R>>,
    /// How many jobs there are in the entries, cancelled ones included.
    pub(super) queued: usize,
    places: usize,
    /// Places that nobody has, as far as workers have told.
    pub(super) free: usize,
    waiters: VecDeque<Arc<Waiter>>,
    idle: Vec<(u64, Waker)>,
    /// How many workers go through jobs without waiting: they look again soon.
    active: usize,
    /// An idle worker was woken and has not looked yet.
    pub(super) waking: bool,
    /// How many jobs a worker takes at once.
    most: usize,
    /// With how many jobs the next idle worker is woken, while others are at it.
    due: usize,
    pub(super) phase: Phase,
    pub(super) workers: Vec<Arc<Hand<J, R>>>,
    pub(super) next_worker: usize,
    next_id: u64,
    /// How many workers have a state, of those that a start waits for.
    pub(super) built: usize,
    pub(super) accepted: u64,
    pub(super) cancelled: u64,
    pub(super) lost: Vec<Lost>,
    /// How many are at cutting, and have not written yet what was lost.
    pub(super) cuts: usize,
    /// Of workers that are gone.
    pub(super) tally: Tally,
    /// Since when there have been jobs and no idle worker.
    pub(super) waiting_since: Option<Instant>,
    pub(super) failure: Option<Arc<BoxError>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Jobs are accepted; there are no workers yet.
    Waiting,
    Playing,
    /// No job is accepted; workers leave when nothing is queued.
    Ending,
    Over,
}

/// What a worker that looks for jobs gets.
pub(super) enum Take<J> {
    /// So many as of now. The first has begun, unless it was cancelled and all others with it; they are in its hand.
    Jobs {
        first: Option<J>,
        jobs: usize,
        since: Instant,
    },
    Nothing,
    /// It is not one of the pool's any more.
    Cut,
}

/// Who is to be woken, once the lock is released.
#[derive(Default)]
#[must_use]
pub(super) struct Wakes {
    pub(super) worker: Option<Waker>,
    pub(super) others: Vec<Waker>,
    /// Jobs have begun to wait for a worker.
    pub(super) pressed: bool,
}

/// What there was when everything was ended.
pub(super) struct Cut<J, R> {
    /// With the time since when, and the number of the worker.
    pub(super) running: Vec<(Running<J, R>, Instant, usize)>,
    /// Those that have not begun.
    pub(super) entries: Vec<Entry<J, R>>,
    /// The tasks of the workers.
    pub(super) aborts: Vec<AbortHandle>,
}

impl Wakes {
    pub(super) fn wake(self) {
        self.worker.into_iter().chain(self.others).for_each(Waker::wake);
    }
}

impl<J, R> Queue<J, R> {
    pub(super) fn new(places: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            queued: 0,
            places,
            free: places,
            waiters: VecDeque::new(),
            idle: Vec::new(),
            active: 0,
            waking: false,
            most: 1,
            due: 1,
            phase: Phase::Waiting,
            workers: Vec::new(),
            next_worker: 0,
            next_id: 0,
            built: 0,
            accepted: 0,
            cancelled: 0,
            lost: Vec::new(),
            cuts: 0,
            tally: Tally::default(),
            waiting_since: None,
            failure: None,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Waiting | Phase::Playing)
    }

    /// Up to `most` places, at least one unless there is none.
    pub(super) fn reserve(&mut self, most: usize, watched: &AtomicBool, wakes: &mut Wakes) -> usize {
        if self.free == 0 {
            self.settle(watched, wakes);
        }
        let places = self.free.min(most);
        self.free -= places;
        places
    }

    /// Appends jobs that have places.
    pub(super) fn push(&mut self, entry: Entry<J, R>, wakes: &mut Wakes) {
        let jobs = entry.len();
        self.accepted += jobs as u64;
        self.entries.push_back(entry);
        self.queued += jobs;
        if self.entries.len() > 2 * self.places + HUSKS {
            self.sweep();
        }
        self.call(wakes);
    }

    /// Wakes an idle worker if there is work for it.
    ///
    /// While another one is at it that is when there is as much as a worker takes at once: to wake one for a few cheap jobs takes longer than these
    /// do. When jobs are dear that is one job.
    fn call(&mut self, wakes: &mut Wakes) {
        if self.queued == 0 {
            self.waiting_since = None;
        } else if self.idle.is_empty() {
            if self.waiting_since.is_none() && !self.waking {
                self.waiting_since = Some(Instant::now());
                wakes.pressed = true;
            }
        } else if self.queued >= self.due || self.active == 0 && !self.waking {
            self.waking = true;
            self.due = self.queued + self.most;
            // The one that went idle last: its memory is warm, and the others may get their idle time full.
            wakes.worker = self.idle.pop().map(|(_, waker)| waker);
        }
    }

    /// Says whether a worker goes through jobs without waiting.
    pub(super) fn set_active(&mut self, hand: &mut HandState<J, R>, active: bool) {
        if std::mem::replace(&mut hand.active, active) != active {
            if active {
                self.active += 1;
            } else {
                self.active -= 1;
            }
        }
    }

    /// Removes the entries that are cancelled entirely.
    pub(super) fn sweep(&mut self) {
        self.entries.retain(Entry::is_alive);
        self.queued = self.entries.iter().map(Entry::len).sum();
    }

    /// Moves about `most` jobs into a worker's hand; from other hands if the queue is empty.
    pub(super) fn take(&mut self, hand: &Hand<J, R>, most: usize, watched: &AtomicBool, wakes: &mut Wakes) -> Take<J> {
        (self.waking, self.most, self.due) = (false, most, most);
        let mut mine = hand.state.lock();
        if mine.cut {
            return Take::Cut;
        }
        self.set_active(&mut mine, true);
        let mut taken = 0;
        while taken < most {
            let Some(front) = self.entries.front_mut() else { break };
            let (jobs, room) = (front.len(), most - taken);
            // The two parts of a batch that is cut are in each other's way, so a little more is better.
            if jobs < 2 * room {
                mine.jobs.extend(self.entries.pop_front());
                taken += jobs;
            } else {
                mine.jobs.extend(front.split(room));
                taken += room;
            }
        }
        self.queued -= taken;
        self.call(wakes);
        if taken == 0 {
            let stolen = self.steal(hand);
            taken = stolen.as_ref().map_or(0, Entry::len);
            mine.jobs.extend(stolen);
        }
        let first = mine.begin();
        self.release(std::mem::take(&mut mine.begun), watched, wakes);
        if taken == 0 {
            self.set_active(&mut mine, false);
            return Take::Nothing;
        }
        mine.since = Instant::now();
        Take::Jobs { first, jobs: taken, since: mine.since }
    }

    /// The last jobs that another worker has in hand and has not begun. Called with the thief's own hand locked: whoever locks two holds
    /// the queue's lock too.
    fn steal(&self, thief: &Hand<J, R>) -> Option<Entry<J, R>> {
        if self.active < 2 {
            // Who is not active has nothing in hand.
            return None;
        }
        self.workers.iter().filter(|other| other.id != thief.id).find_map(|other| {
            let mut theirs = other.state.lock();
            let mut last = theirs.jobs.pop_back()?;
            let half = last.len() / 2;
            if half > 0 {
                theirs.jobs.extend(last.split(half));
            }
            Some(last)
        })
    }

    /// Takes back what a worker has in hand and has not begun: it has to wait, and others might not.
    pub(super) fn give_back(&mut self, hand: &mut HandState<J, R>, wakes: &mut Wakes) {
        while let Some(entry) = hand.jobs.pop_back() {
            self.queued += entry.len();
            self.entries.push_front(entry);
        }
        self.call(wakes);
    }

    /// Sets by whom an idle worker is woken; `None` if it is not idle.
    pub(super) fn set_idle(&mut self, worker: u64, waker: Option<&Waker>) {
        let known = self.idle.iter().position(|(id, _)| *id == worker);
        match (known, waker) {
            (Some(at), Some(waker)) => self.idle[at].1.clone_from(waker),
            (Some(at), None) => drop(self.idle.remove(at)),
            (None, Some(waker)) => self.idle.push((worker, waker.clone())),
            (None, None) => {}
        }
    }

    /// Gives the places of begun jobs back, as of now, and has every later one told if somebody waits.
    pub(super) fn settle(&mut self, watched: &AtomicBool, wakes: &mut Wakes) {
        // Before the looks: what begins after one is told by its worker.
        watched.store(true, Ordering::Relaxed);
        let mut begun = 0;
        for worker in &self.workers {
            begun += std::mem::take(&mut worker.state.lock().begun);
        }
        self.release(begun, watched, wakes);
    }

    /// Gives places back: to those who wait, in their order, and then to all.
    pub(super) fn release(&mut self, mut places: usize, watched: &AtomicBool, wakes: &mut Wakes) {
        while places > 0 {
            let Some(first) = self.waiters.pop_front() else { break };
            if first.grant(&mut wakes.others) {
                places -= 1;
            }
        }
        self.free += places;
        if self.waiters.is_empty() {
            watched.store(false, Ordering::Relaxed);
        }
    }

    /// Puts somebody into the queue for a place. What began since the last look is settled after that, so no place is missed.
    pub(super) fn wait(&mut self, waiter: Arc<Waiter>, watched: &AtomicBool, wakes: &mut Wakes) {
        self.waiters.push_back(waiter);
        self.settle(watched, wakes);
    }

    pub(super) fn forget(&mut self, waiter: &Arc<Waiter>) {
        self.waiters.retain(|other| !Arc::ptr_eq(other, waiter));
    }

    /// Accepts nothing more, refuses who waits, and calls all workers.
    pub(super) fn close(&mut self, wakes: &mut Wakes) {
        if matches!(self.phase, Phase::Waiting | Phase::Playing) {
            self.phase = if self.workers.is_empty() { Phase::Over } else { Phase::Ending };
        }
        for waiter in self.waiters.drain(..) {
            waiter.refuse(&mut wakes.others);
        }
        wakes.others.extend(self.idle.drain(..).map(|(_, waker)| waker));
        self.sweep();
    }

    /// Ends everything. What there was is to be written down, and then [`cuts`](Queue::cuts) to be counted down.
    pub(super) fn cut(&mut self, watched: &AtomicBool, wakes: &mut Wakes) -> Cut<J, R> {
        self.close(wakes);
        self.phase = Phase::Over;
        self.cuts += 1;
        let mut cut = Cut { running: Vec::new(), entries: Vec::new(), aborts: Vec::new() };
        for hand in std::mem::take(&mut self.workers) {
            let mut state = hand.state.lock();
            state.cut = true;
            self.set_active(&mut state, false);
            self.release(std::mem::take(&mut state.begun), watched, wakes);
            self.tally.add(state.tally);
            let since = state.since;
            cut.running.extend(state.running.take().map(|running| (running, since, hand.number)));
            cut.entries.extend(state.jobs.drain(..));
            cut.aborts.extend(state.abort.take());
        }
        cut.entries.extend(self.entries.drain(..));
        self.queued = 0;
        self.waiting_since = None;
        cut
    }

    pub(super) fn add_worker(&mut self) -> Arc<Hand<J, R>> {
        let hand = Arc::new(Hand::new(self.next_id, self.next_worker));
        self.next_worker += 1;
        self.next_id += 1;
        self.workers.push(hand.clone());
        hand
    }

    /// What became of jobs so far, those of the workers that are there included.
    pub(super) fn tallied(&self) -> Tally {
        let mut tally = self.tally;
        for worker in &self.workers {
            tally.add(worker.state.lock().tally);
        }
        tally
    }

    /// How many jobs are accepted and have not begun, reserved places included.
    pub(super) fn occupied(&self) -> usize {
        let begun: usize = self.workers.iter().map(|worker| worker.state.lock().begun).sum();
        self.places - self.free - begun
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::cell::Cell;

    #[test]
    fn cancelled_jobs_do_not_pile_up() {
        let mut queue = Queue::<u32, u32>::new(4);
        let mut wakes = Wakes::default();
        let kept = Arc::new(Cell::new(7));
        for number in 0..10_000 {
            let cell = if number == 5_000 { kept.clone() } else { Arc::new(Cell::new(0)) };
            queue.push(Entry::One { cell: cell.clone(), number }, &mut wakes);
            if number != 5_000 {
                // What a ticket does that is dropped.
                assert!(crate::pool::cell::Reply::abandon(&*cell));
            }
            assert!(queue.entries.len() <= 2 * 4 + HUSKS);
        }
        queue.sweep();
        assert_eq!((queue.entries.len(), queue.queued), (1, 1));
    }
}
