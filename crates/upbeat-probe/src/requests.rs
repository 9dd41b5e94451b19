//! The hand-over between the watched future and the requests to trace it.
//!
//! All data is handed over under one lock. Two accesses of every poll take no lock: the future
//! reads `requested`, and it counts its polls. Both are relaxed, for these reasons:
//!
//! - `requested` is set before the future's task is woken. A poll that follows a wake sees the
//!   writes before that wake, because executors guarantee it. A poll that began earlier may miss
//!   the flag, the next one does not. The waker is unknown until the end of the first poll. The
//!   future then stores it under the lock, and wakes itself if it finds a request there.
//! - `polls` is compared only with its own earlier values. No other memory is read because of it.
//!
//! `tests/hand_over.rs` is a loom model of it.

use std::{
    sync::atomic::Ordering::Relaxed,
    task::{Poll, Waker},
    time::{Duration, Instant},
};

use crate::{
    answer::Answer,
    sync::{AtomicBool, AtomicU64, Mutex},
    trace::Trace,
    tracer::Record,
};

/// The trace requests of one watched future, and what the future shares with them.
pub(crate) struct TraceRequests {
    /// Whether the next poll is to be traced.
    requested: AtomicBool,
    /// The number of poll starts and poll ends: odd while a poll is running. Written only by the
    /// future, which is never polled by two threads at once.
    polls: AtomicU64,
    state: Mutex<State>,
}

struct State {
    future: FutureState,
    /// The waker of the future's task, to be woken for a traced poll.
    waker: Option<Waker>,
    /// Boxed, because most futures never receive a request.
    pending: Option<Box<Pending>>,
}

/// The requests that wait for an answer.
#[derive(Default)]
struct Pending {
    waiters: Vec<Waiter>,
    next_id: u64,
    /// A running poll (the odd value of `polls`), and the time of the first look at it.
    running: Option<(u64, Instant)>,
}

#[derive(Clone, Copy)]
enum FutureState {
    New,
    Polled,
    Finished,
    Dropped,
}

struct Waiter {
    id: u64,
    waker: Option<Waker>,
    answer: Option<Answer>,
}

/// The future's side.
impl TraceRequests {
    pub(crate) fn new() -> Self {
        let state = State { future: FutureState::New, waker: None, pending: None };
        Self { requested: AtomicBool::new(false), polls: AtomicU64::new(0), state: Mutex::new(state) }
    }

    #[inline]
    pub(crate) fn is_requested(&self) -> bool {
        self.requested.load(Relaxed)
    }

    /// Counts the start of a poll. Its end is counted when the guard is dropped, also by a panic.
    #[inline]
    pub(crate) fn begin_poll(&self) -> Polling<'_> {
        let begun = self.polls.load(Relaxed) + 1;
        self.polls.store(begun, Relaxed);
        Polling { requests: self, begun }
    }

    /// Records the start of a traced poll. It reads the clock, so that the answer is exact if this
    /// poll blocks.
    pub(crate) fn begin_traced_poll(&self) {
        self.state.lock().pending().running = Some((self.polls.load(Relaxed), Instant::now()));
    }

    /// Stores a new waker of the task.
    pub(crate) fn set_waker(&self, waker: Waker) {
        let mut state = self.state.lock();
        match state.future {
            FutureState::New => state.future = FutureState::Polled,
            FutureState::Polled => {}
            // A poll after the end is an error that the future itself handles.
            FutureState::Finished | FutureState::Dropped => return,
        }
        // A request during the first poll found no waker.
        let again = (self.is_requested() && state.waker.is_none()).then(|| waker.clone());
        let old = state.waker.replace(waker);
        drop(state);
        // Without the lock, because dropping and waking may run arbitrary code.
        drop(old);
        if let Some(again) = again {
            again.wake();
        }
    }

    /// Answers all requests with the record of a traced poll that returned pending.
    pub(crate) fn answer(&self, record: Record) {
        let answer = if record.stacks.is_empty() {
            Answer::Nothing
        } else {
            let traces = record.stacks.into_iter().map(Trace::new).collect();
            Answer::Waiting { traces, omitted: record.omitted }
        };
        self.answer_all(&answer);
    }

    /// Records that the future has completed.
    pub(crate) fn set_finished(&self) {
        self.end(FutureState::Finished, &Answer::Finished);
    }

    /// Records that the future was dropped. Does nothing if it had finished.
    pub(crate) fn set_dropped(&self) {
        if !matches!(self.state.lock().future, FutureState::Finished) {
            self.end(FutureState::Dropped, &Answer::Dropped);
        }
    }

    fn end(&self, end: FutureState, answer: &Answer) {
        let mut state = self.state.lock();
        state.future = end;
        let waker = state.waker.take();
        let was_requested = state.pending.is_some();
        drop(state);
        drop(waker);
        // Later requests see the end themselves.
        if was_requested {
            self.answer_all(answer);
        }
    }

    /// Answers all pending requests.
    fn answer_all(&self, answer: &Answer) {
        let mut wakers = Vec::new();
        let mut state = self.state.lock();
        for waiter in state.pending.iter_mut().flat_map(|pending| &mut pending.waiters) {
            waiter.answer.get_or_insert_with(|| answer.clone());
            wakers.extend(waiter.waker.take());
        }
        self.requested.store(false, Relaxed);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// The probe's side.
impl TraceRequests {
    /// Returns the number of polls, including a running one.
    pub(crate) fn polls(&self) -> u64 {
        self.polls.load(Relaxed).div_ceil(2)
    }

    /// Returns a lower bound of the duration of the running poll, if one is running.
    pub(crate) fn busy(&self) -> Option<Duration> {
        // The lock is taken only if a poll is running.
        (!self.polls.load(Relaxed).is_multiple_of(2)).then(|| self.look(&mut self.state.lock())).flatten()
    }

    /// Returns the time since the first look at the running poll, if one is running. The first look
    /// counts as zero.
    fn look(&self, state: &mut State) -> Option<Duration> {
        let polls = self.polls.load(Relaxed);
        if polls.is_multiple_of(2) {
            return None;
        }
        let running = &mut state.pending().running;
        match *running {
            Some((poll, since)) if poll == polls => Some(since.elapsed()),
            _ => {
                *running = Some((polls, Instant::now()));
                Some(Duration::ZERO)
            }
        }
    }
}

/// A trace request that waits for its answer. Dropping it withdraws it.
pub(crate) struct Request<'a> {
    requests: &'a TraceRequests,
    id: u64,
}

impl<'a> Request<'a> {
    /// Requests a trace. Returns the answer at once if the future is gone.
    pub(crate) fn new(requests: &'a TraceRequests) -> Result<Self, Answer> {
        let mut state = requests.state.lock();
        match state.future {
            FutureState::Finished => return Err(Answer::Finished),
            FutureState::Dropped => return Err(Answer::Dropped),
            FutureState::New | FutureState::Polled => {}
        }
        let pending = state.pending();
        let id = pending.next_id;
        pending.next_id += 1;
        pending.waiters.push(Waiter { id, waker: None, answer: None });
        // The duration of a running poll counts from here.
        requests.look(&mut state);
        requests.requested.store(true, Relaxed);
        let waker = state.waker.clone();
        drop(state);
        // Without the lock, because a waker may run any code and even poll the future.
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(Self { requests, id })
    }

    /// Returns the answer, or registers `waker` to be woken when there is one.
    pub(crate) fn poll(&self, waker: &Waker) -> Poll<Answer> {
        let mut state = self.requests.state.lock();
        let Some(waiter) = state.waiter(self.id) else { return Poll::Pending };
        if let Some(answer) = &waiter.answer {
            return Poll::Ready(answer.clone());
        }
        let old = waiter.waker.replace(waker.clone());
        drop(state);
        drop(old);
        Poll::Pending
    }

    /// Withdraws the request. Returns the best answer without a traced poll.
    pub(crate) fn give_up(self) -> Answer {
        let mut state = self.requests.state.lock();
        if let Some(answer) = state.waiter(self.id).and_then(|waiter| waiter.answer.take()) {
            return answer;
        }
        match (state.future, self.requests.look(&mut state)) {
            (_, Some(at_least)) => Answer::Busy { at_least },
            (FutureState::New, None) => Answer::NotPolledYet,
            (_, None) => Answer::Silent,
        }
    }
}

impl Drop for Request<'_> {
    fn drop(&mut self) {
        let mut state = self.requests.state.lock();
        let waiters = &mut state.pending().waiters;
        let own = waiters.iter().position(|waiter| waiter.id == self.id);
        let gone = own.map(|own| waiters.swap_remove(own));
        // Without an unanswered request the next poll need not be traced.
        if waiters.iter().all(|waiter| waiter.answer.is_some()) {
            self.requests.requested.store(false, Relaxed);
        }
        drop(state);
        drop(gone);
    }
}

impl State {
    fn pending(&mut self) -> &mut Pending {
        self.pending.get_or_insert_default()
    }

    fn waiter(&mut self, id: u64) -> Option<&mut Waiter> {
        self.pending.as_mut()?.waiters.iter_mut().find(|waiter| waiter.id == id)
    }
}

/// A guard of a running poll.
pub(crate) struct Polling<'a> {
    requests: &'a TraceRequests,
    begun: u64,
}

impl Drop for Polling<'_> {
    #[inline]
    fn drop(&mut self) {
        self.requests.polls.store(self.begun + 1, Relaxed);
    }
}
