use std::task::{Context, Poll};

use super::{
    Receiver, Sender,
    bounded::with_permits,
    error::{SendError, TryRecvError},
};

/// As tokio's.
pub fn unbounded_channel<T>() -> (UnboundedSender<T>, UnboundedReceiver<T>) {
    let (sender, receiver) = with_permits(usize::MAX);
    (UnboundedSender(sender), UnboundedReceiver(receiver))
}

/// As tokio's.
#[derive(Debug)]
pub struct UnboundedSender<T>(Sender<T>);

impl<T> UnboundedSender<T> {
    /// As tokio's.
    ///
    /// # Errors
    ///
    /// When it is closed.
    pub fn send(&self, item: T) -> Result<(), SendError<T>> {
        match self.0.try_reserve() {
            Ok(permit) => {
                permit.send(item);
                Ok(())
            }
            Err(_) => Err(SendError(item)),
        }
    }

    /// As tokio's.
    pub async fn closed(&self) {
        self.0.closed().await;
    }

    /// As tokio's.
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}

impl<T> Clone for UnboundedSender<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// As tokio's.
#[derive(Debug)]
pub struct UnboundedReceiver<T>(Receiver<T>);

impl<T> UnboundedReceiver<T> {
    /// As tokio's.
    pub async fn recv(&mut self) -> Option<T> {
        self.0.recv().await
    }

    /// As tokio's.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.0.poll_recv(cx)
    }

    /// As tokio's.
    pub async fn recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
        self.0.recv_many(buffer, limit).await
    }

    /// As tokio's.
    ///
    /// # Errors
    ///
    /// When no item is there.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        self.0.try_recv()
    }

    /// As tokio's.
    pub fn blocking_recv(&mut self) -> Option<T> {
        self.0.blocking_recv()
    }

    /// As tokio's.
    pub fn close(&mut self) {
        self.0.close();
    }

    /// As tokio's.
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// As tokio's.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// As tokio's.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
