use std::{
    collections::VecDeque,
    fmt,
    future::poll_fn,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use shuttle::{
    future::{
        self,
        batch_semaphore::{BatchSemaphore, Fairness, TryAcquireError},
    },
    sync::{Mutex, MutexGuard},
};
use shuttle_tokio::sync::Notify;

use super::{
    Permit, PermitIterator,
    error::{SendError, TryRecvError, TrySendError},
};

/// As tokio's.
pub fn channel<T>(places: usize) -> (Sender<T>, Receiver<T>) {
    let state = State { items: VecDeque::new(), senders: 1, receiver: None };
    let channel = Arc::new(Channel {
        most: places,
        places: BatchSemaphore::new(places, Fairness::StrictlyFair),
        state: Mutex::new(state),
        closed: Notify::new(),
    });
    (Sender(channel.clone()), Receiver(channel))
}

pub(super) struct Channel<T> {
    most: usize,
    /// Those that are free. Closed when the receiver is.
    places: BatchSemaphore,
    state: Mutex<State<T>>,
    /// Tells the senders.
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
        self.state.lock().expect("nobody panics in here")
    }

    /// Into a place that is reserved, so also when it was closed since.
    pub(super) fn put(&self, item: T) {
        let mut state = self.state();
        state.items.push_back(item);
        wake_receiver(state);
    }

    /// Places that were reserved and are not used. The receiver of a closed channel waits for them.
    pub(super) fn give_back(&self, places: usize) {
        if places > 0 {
            self.places.release(places);
        }
        if self.is_closed_and_idle() {
            wake_receiver(self.state());
        }
    }

    /// No item is in it, and none will come.
    fn is_closed_and_idle(&self) -> bool {
        self.places.is_closed() && self.places.available_permits() == self.most
    }

    fn try_acquire(&self, places: usize) -> Result<PermitIterator<'_, T>, TrySendError<()>> {
        match self.places.try_acquire(places) {
            Ok(()) => Ok(PermitIterator::new(self, places)),
            Err(TryAcquireError::Closed) => Err(TrySendError::Closed(())),
            Err(TryAcquireError::NoPermits) => Err(TrySendError::Full(())),
        }
    }

    async fn acquire(&self, places: usize) -> Result<PermitIterator<'_, T>, SendError<()>> {
        // Before it has any, because who gives up waiting may have been given some.
        let permits = PermitIterator::new(self, 0);
        match self.places.acquire(places).await {
            Ok(()) => Ok(permits.with(places)),
            Err(_) => Err(SendError(())),
        }
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
        f.debug_struct("Channel").field("places", &self.places).finish_non_exhaustive()
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
            Ok(place) => {
                place.send(item);
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
        self.0.acquire(1).await.map(PermitIterator::single)
    }

    /// As tokio's.
    ///
    /// # Errors
    ///
    /// When it is closed, or never has so many places.
    pub async fn reserve_many(&self, places: usize) -> Result<PermitIterator<'_, T>, SendError<()>> {
        if places > self.0.most { Err(SendError(())) } else { self.0.acquire(places).await }
    }

    /// As tokio's.
    ///
    /// # Errors
    ///
    /// When it is closed or full.
    pub fn try_reserve(&self) -> Result<Permit<'_, T>, TrySendError<()>> {
        self.0.try_acquire(1).map(PermitIterator::single)
    }

    /// As tokio's.
    ///
    /// # Errors
    ///
    /// When it is closed, or has not so many places now.
    pub fn try_reserve_many(&self, places: usize) -> Result<PermitIterator<'_, T>, TrySendError<()>> {
        self.0.try_acquire(places)
    }

    /// As tokio's.
    pub async fn closed(&self) {
        let mut closed = pin!(self.0.closed.notified());
        closed.as_mut().enable();
        if !self.0.places.is_closed() {
            closed.await;
        }
    }

    /// As tokio's.
    pub fn capacity(&self) -> usize {
        self.0.places.available_permits()
    }

    /// As tokio's.
    pub fn max_capacity(&self) -> usize {
        self.0.most
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
            // Between the two somebody may see that it is full still.
            self.0.places.release(some);
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
    /// When nothing is there.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let mut state = self.0.state();
        let (item, ended) = (state.items.pop_front(), state.senders == 0);
        drop(state);
        match item {
            Some(item) => {
                self.0.places.release(1);
                Ok(item)
            }
            None if ended || self.0.places.is_closed() => Err(TryRecvError::Disconnected),
            None => Err(TryRecvError::Empty),
        }
    }

    /// As tokio's.
    pub fn close(&mut self) {
        self.0.places.close();
        self.0.closed.notify_waiters();
    }

    /// As tokio's.
    pub fn is_closed(&self) -> bool {
        self.0.places.is_closed() || self.0.state().senders == 0
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
        let items = std::mem::take(&mut self.0.state().items);
        if !items.is_empty() {
            self.0.places.release(items.len());
        }
    }
}
