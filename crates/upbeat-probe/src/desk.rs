//! Where those who ask and the watched future meet.
//!
//! Everything is handed over under one lock, but for two things that the future does at every poll: it looks at `asked`, and it
//! counts. Both are relaxed, for these reasons:
//!
//! - `asked` is set before the future's task is woken, and a poll that a wake leads to sees what was written before that wake: executors
//!   have to promise that, or no future could work. A poll that began earlier may miss it; the one after it does not. The waker is not
//!   known before the end of the first poll: then the future brings it under the lock, and if it sees there that it was asked, it wakes itself.
//! - `polls` is only compared with its own earlier values. Nothing is read because of it.
//!
//! `tests/hand_over.rs` has loom try that.

use std::{
    sync::atomic::Ordering::Relaxed,
    task::{Poll, Waker},
    time::{Duration, Instant},
};

use crate::{
    Answer, Trace,
    sync::{AtomicBool, AtomicU64, Mutex},
    tracer::Record,
};

pub(crate) struct Desk {
    /// Whether the next poll is to be traced.
    asked: AtomicBool,
    /// How many polls have begun and ended, together: odd while one is running. Written only by the future, which is never polled by two threads at once.
    polls: AtomicU64,
    state: Mutex<State>,
}

struct State {
    stage: Stage,
    /// Whom to wake for a traced poll.
    waker: Option<Waker>,
    /// Most futures are never asked, so it takes only a pointer until somebody asks.
    inquiry: Option<Box<Inquiry>>,
}

#[derive(Default)]
struct Inquiry {
    askers: Vec<Asker>,
    next_asker: u64,
    /// A running poll (the odd value of `polls`), and since when it is known to run.
    running: Option<(u64, Instant)>,
}

#[derive(Clone, Copy)]
enum Stage {
    New,
    Polled,
    Finished,
    Dropped,
}

struct Asker {
    id: u64,
    waker: Option<Waker>,
    answer: Option<Answer>,
}

/// The future's side.
impl Desk {
    pub(crate) fn new() -> Self {
        let state = State { stage: Stage::New, waker: None, inquiry: None };
        Self { asked: AtomicBool::new(false), polls: AtomicU64::new(0), state: Mutex::new(state) }
    }

    #[inline]
    pub(crate) fn is_asked(&self) -> bool {
        self.asked.load(Relaxed)
    }

    /// The poll ends when the guard is dropped, also by a panic.
    #[inline]
    pub(crate) fn poll_begins(&self) -> Polling<'_> {
        let begun = self.polls.load(Relaxed) + 1;
        self.polls.store(begun, Relaxed);
        Polling { desk: self, begun }
    }

    /// A traced poll can afford to read the clock, so that the answer is exact if it is this one that blocks.
    pub(crate) fn traced_poll_begins(&self) {
        self.state.lock().inquiry().running = Some((self.polls.load(Relaxed), Instant::now()));
    }

    /// The task's waker is a new one.
    pub(crate) fn wakes(&self, waker: Waker) {
        let mut state = self.state.lock();
        match state.stage {
            Stage::New => state.stage = Stage::Polled,
            Stage::Polled => {}
            // Polled after its end: that is for the future to refuse.
            Stage::Finished | Stage::Dropped => return,
        }
        // Whoever has asked during the first poll found nobody to wake.
        let again = (self.is_asked() && state.waker.is_none()).then(|| waker.clone());
        let old = state.waker.replace(waker);
        drop(state);
        // Dropping a waker may run code that we do not know, and so may waking.
        drop(old);
        if let Some(again) = again {
            again.wake();
        }
    }

    /// A traced poll is over, and the future is pending.
    pub(crate) fn answer(&self, record: Record) {
        let answer = if record.stacks.is_empty() {
            Answer::Nothing
        } else {
            let traces = record.stacks.into_iter().map(Trace::new).collect();
            Answer::Waiting { traces, omitted: record.omitted }
        };
        self.tell(&answer);
    }

    pub(crate) fn finished(&self) {
        self.ended(Stage::Finished, &Answer::Finished);
    }

    /// Does nothing if it had finished.
    pub(crate) fn dropped(&self) {
        if !matches!(self.state.lock().stage, Stage::Finished) {
            self.ended(Stage::Dropped, &Answer::Dropped);
        }
    }

    fn ended(&self, end: Stage, answer: &Answer) {
        let mut state = self.state.lock();
        state.stage = end;
        let waker = state.waker.take();
        let was_ever_asked = state.inquiry.is_some();
        drop(state);
        drop(waker);
        // Whoever asks from now on sees the end for himself.
        if was_ever_asked {
            self.tell(answer);
        }
    }

    /// Tells all who ask.
    fn tell(&self, answer: &Answer) {
        let mut wakers = Vec::new();
        let mut state = self.state.lock();
        for asker in state.inquiry.iter_mut().flat_map(|inquiry| &mut inquiry.askers) {
            asker.answer.get_or_insert_with(|| answer.clone());
            wakers.extend(asker.waker.take());
        }
        self.asked.store(false, Relaxed);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// The side of those who ask.
impl Desk {
    pub(crate) fn polls(&self) -> u64 {
        self.polls.load(Relaxed).div_ceil(2)
    }

    pub(crate) fn busy(&self) -> Option<Duration> {
        // The lock only if there is something to remember.
        (!self.polls.load(Relaxed).is_multiple_of(2)).then(|| self.look(&mut self.state.lock())).flatten()
    }

    /// Since when the running poll is known to run, if one is running.
    fn look(&self, state: &mut State) -> Option<Duration> {
        let polls = self.polls.load(Relaxed);
        if polls.is_multiple_of(2) {
            return None;
        }
        let running = &mut state.inquiry().running;
        match *running {
            Some((poll, since)) if poll == polls => Some(since.elapsed()),
            _ => {
                *running = Some((polls, Instant::now()));
                Some(Duration::ZERO)
            }
        }
    }
}

/// A question that waits for its answer. Dropping it takes it back.
pub(crate) struct Question<'a> {
    desk: &'a Desk,
    id: u64,
}

impl<'a> Question<'a> {
    /// Asks, or says at once that the future is gone.
    pub(crate) fn new(desk: &'a Desk) -> Result<Self, Answer> {
        let mut state = desk.state.lock();
        match state.stage {
            Stage::Finished => return Err(Answer::Finished),
            Stage::Dropped => return Err(Answer::Dropped),
            Stage::New | Stage::Polled => {}
        }
        let inquiry = state.inquiry();
        let id = inquiry.next_asker;
        inquiry.next_asker += 1;
        inquiry.askers.push(Asker { id, waker: None, answer: None });
        // From now on a poll that goes on is known to run.
        desk.look(&mut state);
        desk.asked.store(true, Relaxed);
        let waker = state.waker.clone();
        drop(state);
        // Without the lock: a waker may run any code, even poll the future here and now.
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(Self { desk, id })
    }

    /// The answer, or `waker` is woken when there is one.
    pub(crate) fn poll(&self, waker: &Waker) -> Poll<Answer> {
        let mut state = self.desk.state.lock();
        let Some(asker) = state.asker(self.id) else { return Poll::Pending };
        if let Some(answer) = &asker.answer {
            return Poll::Ready(answer.clone());
        }
        let old = asker.waker.replace(waker.clone());
        drop(state);
        drop(old);
        Poll::Pending
    }

    /// What can be said though no traced poll was made.
    pub(crate) fn give_up(self) -> Answer {
        let mut state = self.desk.state.lock();
        if let Some(answer) = state.asker(self.id).and_then(|asker| asker.answer.take()) {
            return answer;
        }
        match (state.stage, self.desk.look(&mut state)) {
            (_, Some(at_least)) => Answer::Busy { at_least },
            (Stage::New, None) => Answer::NotPolledYet,
            (_, None) => Answer::Silent,
        }
    }
}

impl Drop for Question<'_> {
    fn drop(&mut self) {
        let mut state = self.desk.state.lock();
        let askers = &mut state.inquiry().askers;
        let mine = askers.iter().position(|asker| asker.id == self.id);
        let gone = mine.map(|mine| askers.swap_remove(mine));
        // Nobody is left to be told: the future need not be traced for it.
        if askers.iter().all(|asker| asker.answer.is_some()) {
            self.desk.asked.store(false, Relaxed);
        }
        drop(state);
        drop(gone);
    }
}

impl State {
    fn inquiry(&mut self) -> &mut Inquiry {
        self.inquiry.get_or_insert_default()
    }

    fn asker(&mut self, id: u64) -> Option<&mut Asker> {
        self.inquiry.as_mut()?.askers.iter_mut().find(|asker| asker.id == id)
    }
}

/// A running poll.
pub(crate) struct Polling<'a> {
    desk: &'a Desk,
    begun: u64,
}

impl Drop for Polling<'_> {
    #[inline]
    fn drop(&mut self) {
        self.desk.polls.store(self.begun + 1, Relaxed);
    }
}
