//! The waiters of one token bucket.

use std::{
    collections::VecDeque,
    future::{Future as _, poll_fn},
    pin::pin,
    sync::atomic::{AtomicUsize, Ordering},
    task::{Poll, Waker, ready},
};

use parking_lot::Mutex;
use tokio::time::{Duration, Instant, Sleep, sleep_until};

use super::error::RateLimitError;
use crate::instant::later;

/// The least and the longest time for which a token is kept for a waiter that is not polled.
const GRACE: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(20));

/// The waiters of one token bucket, in the order in which they came.
///
/// The first one takes the next token, in the poll that completes. The others have a timer for the
/// time at which their own token is expected. So a waiter whose future is kept and not polled holds
/// up the others only for its turn: a waiter behind it, or a caller that does not wait, passes it
/// when a [grace](GRACE) is over. When it is polled again, it is the first.
#[derive(Debug)]
pub(super) struct WaitQueue {
    /// The time in which the bucket regains a token.
    interval: Duration,
    grace: Duration,
    /// The number of waiters that have not missed their turn. Written under the lock. Relaxed,
    /// because no other memory is read for it: a caller that does not wait may see it late.
    waiting: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next_key: u64,
    /// By their keys.
    waiters: VecDeque<Waiter>,
    /// The time since which the present first waiter is the first.
    first_since: Option<Instant>,
}

#[derive(Debug)]
struct Waiter {
    key: u64,
    waker: Option<Waker>,
    /// The time of its token, once it has found none as the first.
    due: Option<Instant>,
    /// Set if another has passed it. It no longer keeps others waiting.
    missed: bool,
}

/// The wakers to call without the lock.
type Wakers = Vec<Waker>;

impl WaitQueue {
    /// Returns the queue of a bucket that regains a token every `interval`.
    pub(super) fn new(interval: Duration) -> Self {
        let (least, longest) = GRACE;
        let grace = interval.clamp(least, longest);
        Self { interval, grace, waiting: AtomicUsize::new(0), state: Mutex::default() }
    }

    /// Returns how many wait and have not missed their turn. The number is a hint: a concurrent
    /// call may or may not be included.
    pub(super) fn waiting(&self) -> usize {
        if self.waiting.load(Ordering::Relaxed) == 0 {
            return 0;
        }
        let mut state = self.state.lock();
        let wakers = self.pass(&mut state, None, Instant::now());
        let waiting = self.waiting.load(Ordering::Relaxed);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        waiting
    }

    /// Returns the error for a caller that does not wait, if there are waiters: they come first.
    pub(super) fn check(&self) -> Option<RateLimitError> {
        let before = u32::try_from(self.waiting()).unwrap_or(u32::MAX);
        (before > 0).then(|| RateLimitError { retry_after: self.interval.saturating_mul(before.saturating_add(1)) })
    }

    /// Waits in the queue, and then until `take` returns a token.
    ///
    /// The token is taken in the poll that completes. A cancelled wait therefore takes none.
    pub(super) async fn wait(&self, take: impl Fn() -> Result<(), RateLimitError>) {
        let position = Position::new(self);
        let mut timer = pin!(None::<Sleep>);
        poll_fn(|cx| {
            while let Some(at) = position.look(cx.waker(), &take) {
                match timer.as_mut().as_pin_mut() {
                    Some(timer) if timer.deadline() == at => {}
                    Some(timer) => timer.reset(at),
                    None => timer.set(Some(sleep_until(at))),
                }
                if let Some(timer) = timer.as_mut().as_pin_mut() {
                    ready!(timer.poll(cx));
                }
            }
            Poll::Ready(())
        })
        .await;
    }

    /// Lets the others pass the waiters that have not taken their token in time, up to the waiter
    /// `polled`, which is being polled.
    fn pass(&self, state: &mut State, polled: Option<u64>, now: Instant) -> Wakers {
        let mut wakers = Vec::new();
        while let Some(first) = state.first() {
            let turn = state.turn(first, self.interval, now);
            let waiter = &mut state.waiters[first];
            if Some(waiter.key) == polled || later(turn, self.grace) > now {
                break;
            }
            waiter.missed = true;
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            wakers.extend(state.changed_first(polled, now));
        }
        wakers
    }
}

impl State {
    /// Returns the first waiter that has not missed its turn.
    fn first(&self) -> Option<usize> {
        // Only futures that are kept and not polled come before it.
        self.waiters.iter().position(|waiter| !waiter.missed)
    }

    /// Returns the time of the token of the first waiter. Until that one has looked for it, a whole
    /// interval is expected.
    fn turn(&self, first: usize, interval: Duration, now: Instant) -> Instant {
        let since = self.first_since.unwrap_or(now);
        self.waiters[first].due.map_or_else(|| later(since, interval), |due| due.max(since))
    }

    /// Records that another waiter is the first now, and returns its waker, unless it is the one
    /// that is being polled.
    fn changed_first(&mut self, polled: Option<u64>, now: Instant) -> Option<Waker> {
        self.first_since = Some(now);
        let first = self.first()?;
        let waiter = &self.waiters[first];
        if Some(waiter.key) == polled { None } else { waiter.waker.clone() }
    }

    fn find(&self, key: u64) -> Option<usize> {
        self.waiters.binary_search_by_key(&key, |waiter| waiter.key).ok()
    }
}

/// The position of one waiter. Dropping it leaves the queue.
struct Position<'a> {
    queue: &'a WaitQueue,
    key: u64,
}

impl<'a> Position<'a> {
    fn new(queue: &'a WaitQueue) -> Self {
        let mut state = queue.state.lock();
        let key = state.next_key;
        state.next_key += 1;
        if state.first().is_none() {
            state.first_since = Some(Instant::now());
        }
        state.waiters.push_back(Waiter { key, waker: None, due: None, missed: false });
        queue.waiting.fetch_add(1, Ordering::Relaxed);
        drop(state);
        Self { queue, key }
    }

    /// Takes a token if this is the first waiter and there is one. Otherwise keeps the waker, and
    /// returns the time of the next look.
    fn look(&self, waker: &Waker, take: impl Fn() -> Result<(), RateLimitError>) -> Option<Instant> {
        let (queue, now) = (self.queue, Instant::now());
        let mut state = queue.state.lock();
        let index = state.find(self.key)?;
        if std::mem::take(&mut state.waiters[index].missed) {
            // It is before all that have passed it, so it is the first.
            queue.waiting.fetch_add(1, Ordering::Relaxed);
            state.waiters[index].due = None;
            state.first_since = Some(now);
        }
        let wakers = queue.pass(&mut state, Some(self.key), now);
        let first = state.first().unwrap_or(index);
        let next = if first == index { take().map_err(|error| later(now, error.retry_after)) } else { Ok(()) };
        let at = match next {
            Ok(()) if first == index => None,
            Ok(()) => {
                let turn = state.turn(first, queue.interval, now);
                let before = u32::try_from(index.saturating_sub(first)).unwrap_or(u32::MAX);
                let expected = later(turn, queue.interval.saturating_mul(before));
                Some(expected.max(later(turn, queue.grace)))
            }
            Err(due) => {
                state.waiters[index].due = Some(due);
                Some(due)
            }
        };
        if at.is_some() {
            state.waiters[index].waker = Some(waker.clone());
            drop(state);
        } else {
            drop(state);
            self.leave();
        }
        wakers.into_iter().for_each(Waker::wake);
        at
    }

    /// Leaves the queue. The next waiter looks for its token.
    fn leave(&self) {
        let mut state = self.queue.state.lock();
        let Some(index) = state.find(self.key) else { return };
        let was_first = state.first() == Some(index);
        let gone = state.waiters.remove(index);
        if gone.as_ref().is_some_and(|waiter| !waiter.missed) {
            self.queue.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        let next = if was_first { state.changed_first(None, Instant::now()) } else { None };
        drop(state);
        drop(gone);
        next.into_iter().for_each(Waker::wake);
    }
}

impl Drop for Position<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}
