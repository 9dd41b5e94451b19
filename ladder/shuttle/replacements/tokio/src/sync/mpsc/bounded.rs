use std::{
    collections::VecDeque,
    fmt,
    future::poll_fn,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use shuttle::{
    future,
    sync::{Mutex, MutexGuard},
};
use shuttle_tokio::sync::{Notify, TryAcquireError};

use super::{
    super::permits::Permits,
    Permit,
    error::{SendError, TryRecvError, TrySendError},
};

/// As tokio's.
///
/// # Panics
///
/// If `buffer` is 0.
pub fn channel<T>(buffer: usize) -> (Sender<T>, Receiver<T>) {
    assert!(buffer > 0, "mpsc bounded channel requires buffer > 0");
    with_permits(buffer)
}

pub(super) fn with_permits<T>(max: usize) -> (Sender<T>, Receiver<T>) {
    let state = State { items: VecDeque::new(), senders: 1, receiver: None };
    let channel =
        Arc::new(Channel { max, permits: Permits::new(max), state: Mutex::new(state), closed: Notify::new() });
    (Sender(channel.clone()), Receiver(channel))
}

pub(super) struct Channel<T> {
    max: usize,
    /// Those that neither an item nor a sender holds. Closed with the receiver.
    permits: Permits,
    state: Mutex<State<T>>,
    /// Notifies the senders.
    closed: Notify,
}

struct State<T> {
    items: VecDeque<T>,
    senders: usize,
    /// Waits for an item, or for the end.
    receiver: Option<Waker>,
}

impl<T> Channel<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().expect("no panic while it is locked")
    }

    /// Sends with a permit, and so also if the receiver was closed since.
    pub(super) fn put(&self, item: T) {
        let mut state = self.state();
        state.items.push_back(item);
        wake_receiver(state);
    }

    /// Returns a permit without an item. The receiver of a closed channel waits for that.
    pub(super) fn give_back(&self) {
        self.permits.release(1);
        self.wake_if_over();
    }

    fn wake_if_over(&self) {
        if self.is_closed_and_idle() {
            wake_receiver(self.state());
        }
    }

    /// The receiver is closed, and neither an item nor a sender holds a permit: nothing is in it,
    /// and nothing will come.
    fn is_closed_and_idle(&self) -> bool {
        self.permits.is_closed_and_idle(self.max)
    }
}

fn wake_receiver<T>(mut state: MutexGuard<'_, State<T>>) {
    let receiver = state.receiver.take();
    drop(state);
    if let Some(receiver) = receiver {
        receiver.wake();
    }
}

impl<T> fmt::Debug for Channel<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("permits", &self.permits).finish_non_exhaustive()
    }
}

/// As tokio's.
#[derive(Debug)]
pub struct Sender<T>(Arc<Channel<T>>);

impl<T> Sender<T> {
    /// As tokio's.
    ///
    /// # Errors
    ///
    /// When it is closed.
    pub async fn send(&self, item: T) -> Result<(), SendError<T>> {
        match self.reserve().await {
            Ok(permit) => {
                permit.send(item);
                Ok(())
            }
            Err(SendError(())) => Err(SendError(item)),
        }
    }

    /// As tokio's.
    ///
    /// # Errors
    ///
    /// When it is closed.
    pub async fn reserve(&self) -> Result<Permit<'_, T>, SendError<()>> {
        // A future that is dropped may have been given its permit already, and returns it.
        let mut unfinished = Unfinished(Some(&self.0));
        match self.0.permits.acquire(1).await {
            Ok(()) => {
                unfinished.0 = None;
                Ok(Permit::new(&self.0))
            }
            Err(()) => Err(SendError(())),
        }
    }

    /// As tokio's.
    ///
    /// # Errors
    ///
    /// When it is closed or full.
    pub fn try_reserve(&self) -> Result<Permit<'_, T>, TrySendError<()>> {
        match self.0.permits.try_acquire(1) {
            Ok(()) => Ok(Permit::new(&self.0)),
            Err(TryAcquireError::Closed) => Err(TrySendError::Closed(())),
            Err(TryAcquireError::NoPermits) => Err(TrySendError::Full(())),
        }
    }

    /// As tokio's.
    pub async fn closed(&self) {
        let mut closed = pin!(self.0.closed.notified());
        closed.as_mut().enable();
        if !self.is_closed() {
            closed.await;
        }
    }

    /// As tokio's.
    pub fn is_closed(&self) -> bool {
        self.0.permits.is_closed()
    }

    /// As tokio's.
    pub fn capacity(&self) -> usize {
        self.0.permits.available()
    }

    /// As tokio's.
    pub fn max_capacity(&self) -> usize {
        self.0.max
    }
}

/// Wakes the receiver if it waited only for this.
struct Unfinished<'a, T>(Option<&'a Channel<T>>);

impl<T> Drop for Unfinished<'_, T> {
    fn drop(&mut self) {
        if let Some(channel) = self.0 {
            channel.wake_if_over();
        }
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.state().senders += 1;
        Self(self.0.clone())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.senders -= 1;
        if state.senders == 0 {
            wake_receiver(state);
        }
    }
}

/// As tokio's.
#[derive(Debug)]
pub struct Receiver<T>(Arc<Channel<T>>);

impl<T> Receiver<T> {
    /// As tokio's.
    pub async fn recv(&mut self) -> Option<T> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// As tokio's.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut only = Vec::new();
        self.poll_many(cx, &mut only, 1).map(|_| only.pop())
    }

    /// As tokio's.
    pub async fn recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
        if limit == 0 {
            return 0;
        }
        poll_fn(|cx| self.poll_many(cx, buffer, limit)).await
    }

    fn poll_many(&mut self, cx: &mut Context<'_>, buffer: &mut Vec<T>, limit: usize) -> Poll<usize> {
        let mut state = self.0.state();
        let some = limit.min(state.items.len());
        buffer.extend(state.items.drain(..some));
        let ended = state.senders == 0;
        if some == 0 && !ended {
            state.receiver = Some(cx.waker().clone());
        }
        drop(state);
        if some > 0 {
            // Between the two a sender may find it full still.
            self.0.permits.release(some);
            return Poll::Ready(some);
        }
        if ended || self.0.is_closed_and_idle() { Poll::Ready(0) } else { Poll::Pending }
    }

    /// As tokio's.
    pub fn blocking_recv(&mut self) -> Option<T> {
        future::block_on(self.recv())
    }

    /// As tokio's.
    ///
    /// # Errors
    ///
    /// When no item is there.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let mut state = self.0.state();
        let (item, ended) = (state.items.pop_front(), state.senders == 0);
        drop(state);
        match item {
            Some(item) => {
                self.0.permits.release(1);
                Ok(item)
            }
            // A sender that has a permit still may use it, also after `close`.
            None if ended || self.0.is_closed_and_idle() => Err(TryRecvError::Disconnected),
            None => Err(TryRecvError::Empty),
        }
    }

    /// As tokio's.
    pub fn close(&mut self) {
        self.0.permits.close();
        self.0.closed.notify_waiters();
    }

    /// As tokio's.
    pub fn is_closed(&self) -> bool {
        self.0.permits.is_closed() || self.0.state().senders == 0
    }

    /// As tokio's.
    pub fn len(&self) -> usize {
        self.0.state().items.len()
    }

    /// As tokio's.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.close();
        let mut state = self.0.state();
        let (items, receiver) = (std::mem::take(&mut state.items), state.receiver.take());
        drop(state);
        if !items.is_empty() {
            self.0.permits.release(items.len());
        }
        drop((items, receiver));
    }
}
