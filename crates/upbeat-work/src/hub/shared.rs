//! What a hub and its members share: all buffers, under one lock.
//!
//! One lock is what makes the order total, and what lets a count be of one instant. It is held for some tens of nanoseconds a member, and
//! never while a task is woken, or a message or a waker is dropped, for that may be anybody's code.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    task::{Context, Poll, Waker},
};

use parking_lot::Mutex;

use super::{Closed, Counts, Left, Sent};

pub(super) struct Shared<T: ?Sized> {
    /// How many messages may wait for one member.
    buffer: usize,
    state: Mutex<State<T>>,
}

struct State<T: ?Sized> {
    /// By the order of joining. Who is neither here nor in `closed` was too slow.
    present: BTreeMap<u64, Mailbox<T>>,
    /// Those who were present when the hub was closed, and may still have something to read.
    closed: BTreeMap<u64, Mailbox<T>>,
    is_closed: bool,
    counts: Counts,
}

struct Mailbox<T: ?Sized> {
    waiting: VecDeque<Arc<T>>,
    /// Of the task that waits for news of this member.
    waker: Option<Waker>,
}

impl<T: ?Sized> Shared<T> {
    pub(super) fn new(buffer: usize) -> Self {
        let state =
            State { present: BTreeMap::new(), closed: BTreeMap::new(), is_closed: false, counts: Counts::default() };
        Self { buffer, state: Mutex::new(state) }
    }

    pub(super) fn buffer(&self) -> usize {
        self.buffer
    }

    pub(super) fn join(&self) -> Result<u64, Closed> {
        let mut state = self.state.lock();
        if state.is_closed {
            return Err(Closed(()));
        }
        let key = state.counts.joined;
        state.counts.joined += 1;
        state.present.insert(key, Mailbox { waiting: VecDeque::new(), waker: None });
        Ok(key)
    }

    pub(super) fn leave(&self, key: u64) {
        let mut state = self.state.lock();
        let left = state.present.remove(&key).or_else(|| state.closed.remove(&key));
        drop(state);
        drop(left);
    }

    pub(super) fn send(&self, message: Arc<T>) -> Result<Sent, Closed<Arc<T>>> {
        let mut wakers = Vec::new();
        let mut state = self.state.lock();
        if state.is_closed {
            return Err(Closed(message));
        }
        let too_slow: Vec<_> =
            state.present.extract_if(.., |_, mailbox| mailbox.waiting.len() >= self.buffer).collect();
        for mailbox in state.present.values_mut() {
            mailbox.waiting.push_back(message.clone());
            wakers.extend(mailbox.waker.take());
        }
        state.counts.messages += 1;
        state.counts.dropped += too_slow.len() as u64;
        let sent = Sent { reached: state.present.len(), dropped: too_slow.len() };
        drop(state);
        wakers.extend(too_slow.into_iter().filter_map(|(_, mailbox)| mailbox.waker));
        wake(wakers);
        Ok(sent)
    }

    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.is_closed = true;
        let mut present = std::mem::take(&mut state.present);
        let wakers = present.values_mut().filter_map(|mailbox| mailbox.waker.take()).collect();
        state.closed.append(&mut present);
        drop(state);
        wake(wakers);
    }

    /// Takes new members again. Those of before stay closed.
    pub(super) fn reopen(&self) {
        self.state.lock().is_closed = false;
    }

    pub(super) fn counts(&self) -> Counts {
        let state = self.state.lock();
        Counts { members: state.present.len(), ..state.counts }
    }

    /// The next message for a member; `None` if there is none yet.
    pub(super) fn next(&self, key: u64, cx: Option<&mut Context<'_>>) -> Result<Option<Arc<T>>, Left> {
        let mut state = self.state.lock();
        if let Some(mailbox) = state.closed.get_mut(&key) {
            return mailbox.waiting.pop_front().map(Some).ok_or(Left::Closed);
        }
        let mailbox = state.present.get_mut(&key).ok_or(Left::TooSlow)?;
        let message = mailbox.waiting.pop_front();
        let unneeded = match cx {
            Some(cx) if message.is_none() => mailbox.wait(cx),
            _ => None,
        };
        drop(state);
        drop(unneeded);
        Ok(message)
    }

    /// Ready once nothing more is sent to a member.
    pub(super) fn left(&self, key: u64, cx: &mut Context<'_>) -> Poll<Left> {
        let mut state = self.state.lock();
        if let Some(mailbox) = state.present.get_mut(&key) {
            let unneeded = mailbox.wait(cx);
            drop(state);
            drop(unneeded);
            return Poll::Pending;
        }
        Poll::Ready(if state.closed.contains_key(&key) { Left::Closed } else { Left::TooSlow })
    }
}

impl<T: ?Sized> Mailbox<T> {
    /// Has this task woken by what comes next; the waker that is not needed any more is to be dropped without the lock.
    fn wait(&mut self, cx: &mut Context<'_>) -> Option<Waker> {
        match &self.waker {
            Some(waker) if waker.will_wake(cx.waker()) => None,
            _ => self.waker.replace(cx.waker().clone()),
        }
    }
}

fn wake(wakers: Vec<Waker>) {
    for waker in wakers {
        waker.wake();
    }
}
