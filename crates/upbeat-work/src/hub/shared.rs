//! The buffers of all receivers, under one lock.
//!
//! One lock makes the order total, and lets counts be of one instant. It is held for some tens of
//! nanoseconds for each receiver. It is not held while a task is woken, or a message or a waker is
//! dropped, because these may run foreign code.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    task::{Context, Poll, Waker},
};

use parking_lot::Mutex;

use super::error::{HubClosed, HubCounts, RecvError, Sent};

pub(super) struct HubShared<T: ?Sized> {
    /// The number of messages that may wait for one receiver.
    capacity: usize,
    state: Mutex<State<T>>,
}

struct State<T: ?Sized> {
    /// The receivers in the order of subscription. One that is neither here nor in `closed` was too
    /// slow.
    open: BTreeMap<u64, Mailbox<T>>,
    /// The receivers that were there when the hub was closed. They may have messages to read.
    closed: BTreeMap<u64, Mailbox<T>>,
    is_closed: bool,
    counts: HubCounts,
}

struct Mailbox<T: ?Sized> {
    messages: VecDeque<Arc<T>>,
    /// The task that waits for a message or for the end.
    waker: Option<Waker>,
}

impl<T: ?Sized> HubShared<T> {
    pub(super) fn new(capacity: usize) -> Self {
        let state =
            State { open: BTreeMap::new(), closed: BTreeMap::new(), is_closed: false, counts: HubCounts::default() };
        Self { capacity, state: Mutex::new(state) }
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(super) fn subscribe(&self) -> Result<u64, HubClosed> {
        let mut state = self.state.lock();
        if state.is_closed {
            return Err(HubClosed(()));
        }
        let key = state.counts.subscribed;
        state.counts.subscribed += 1;
        state.open.insert(key, Mailbox { messages: VecDeque::new(), waker: None });
        Ok(key)
    }

    pub(super) fn unsubscribe(&self, key: u64) {
        let mut state = self.state.lock();
        let mailbox = state.open.remove(&key).or_else(|| state.closed.remove(&key));
        drop(state);
        drop(mailbox);
    }

    pub(super) fn send(&self, message: Arc<T>) -> Result<Sent, HubClosed<Arc<T>>> {
        let mut wakers = Vec::new();
        let mut state = self.state.lock();
        if state.is_closed {
            return Err(HubClosed(message));
        }
        let too_slow: Vec<_> =
            state.open.extract_if(.., |_, mailbox| mailbox.messages.len() >= self.capacity).collect();
        for mailbox in state.open.values_mut() {
            mailbox.messages.push_back(message.clone());
            wakers.extend(mailbox.waker.take());
        }
        state.counts.messages += 1;
        state.counts.dropped += too_slow.len() as u64;
        let sent = Sent { reached: state.open.len(), dropped: too_slow.len() };
        drop(state);
        wakers.extend(too_slow.into_iter().filter_map(|(_, mailbox)| mailbox.waker));
        wake(wakers);
        Ok(sent)
    }

    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.is_closed = true;
        let mut open = std::mem::take(&mut state.open);
        let wakers = open.values_mut().filter_map(|mailbox| mailbox.waker.take()).collect();
        state.closed.append(&mut open);
        drop(state);
        wake(wakers);
    }

    /// Accepts receivers and messages again. Earlier receivers stay closed.
    pub(super) fn reopen(&self) {
        self.state.lock().is_closed = false;
    }

    pub(super) fn counts(&self) -> HubCounts {
        let state = self.state.lock();
        HubCounts { receivers: state.open.len(), ..state.counts }
    }

    /// Returns the next message of a receiver, or `None` if there is none yet. With `cx`, registers
    /// the task to be woken then.
    pub(super) fn next(&self, key: u64, cx: Option<&mut Context<'_>>) -> Result<Option<Arc<T>>, RecvError> {
        let mut state = self.state.lock();
        if let Some(mailbox) = state.closed.get_mut(&key) {
            return mailbox.messages.pop_front().map(Some).ok_or(RecvError::Closed);
        }
        let mailbox = state.open.get_mut(&key).ok_or(RecvError::TooSlow)?;
        let message = mailbox.messages.pop_front();
        let old = match cx {
            Some(cx) if message.is_none() => mailbox.register(cx),
            _ => None,
        };
        drop(state);
        drop(old);
        Ok(message)
    }

    /// Completes once no more messages are sent to a receiver.
    pub(super) fn poll_closed(&self, key: u64, cx: &mut Context<'_>) -> Poll<RecvError> {
        let mut state = self.state.lock();
        if let Some(mailbox) = state.open.get_mut(&key) {
            let old = mailbox.register(cx);
            drop(state);
            drop(old);
            return Poll::Pending;
        }
        Poll::Ready(if state.closed.contains_key(&key) { RecvError::Closed } else { RecvError::TooSlow })
    }
}

impl<T: ?Sized> Mailbox<T> {
    /// Registers the task. Returns the waker that it replaces, to be dropped without the lock.
    fn register(&mut self, cx: &mut Context<'_>) -> Option<Waker> {
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
