//! Connections between pipelines, for fan-out and merge.

use std::{fmt, sync::Arc};

use tokio::sync::{
    Semaphore,
    mpsc::{self, UnboundedReceiver, UnboundedSender},
};

/// Returns both ends of a bounded connection from pipelines to a pipeline, for `items` items, at
/// least one.
///
/// Several pipelines that send to [clones](Clone) of one sender are a merge. One that
/// [routes](crate::Pipeline::route) or [broadcasts](crate::Pipeline::broadcast) to several senders
/// is a fan-out. Run them [together](crate::pipeline::Runnable::and), or each on its own thread.
///
/// They end front to back: the receiving pipeline ends when all pipelines that send to it have
/// ended. If it ends before them, they end with [`Disconnected`].
///
/// If a connection is full, the pipelines that send to it wait. A branch that stalls therefore
/// stalls its sender once the connection is full, and with it all other branches of that sender.
/// A circle of connections may deadlock.
///
/// ```
/// use upbeat_work::{Pipeline, pipeline::connection};
///
/// let ((to_even, even), (to_odd, odd)) = (connection(100), connection(100));
/// let (to_sum, sum) = connection(100);
/// let all = Pipeline::from_iter(0..10_u64)
///     .route([to_even, to_odd], |n| usize::from(n % 2 == 1))
///     .and(Pipeline::from_connection(even).map(|n| n / 2).send_to(to_sum.clone()))
///     .and(Pipeline::from_connection(odd).map(|n| n * 2).send_to(to_sum))
///     .and(Pipeline::from_connection(sum).fold(0, |sum, n| *sum += n));
/// let (_, sum) = all.run();
/// assert_eq!(sum?.output, 10 + 50);
/// # Ok::<_, upbeat_work::PipelineError<u64>>(())
/// ```
pub fn connection<T>(items: usize) -> (ConnectionSender<T>, ConnectionReceiver<T>) {
    let (to, from) = mpsc::unbounded_channel();
    let permits = Arc::new(Semaphore::new(items.clamp(1, Semaphore::MAX_PERMITS)));
    (ConnectionSender { to, permits: permits.clone() }, ConnectionReceiver { from, permits })
}

/// The end of a [`connection`] that pipelines send to.
///
/// Only pipelines can send: when all of them have ended, no item follows.
pub struct ConnectionSender<T> {
    /// Items that are sent together, for one hop and one wake-up. The permits bound their number.
    pub(crate) to: UnboundedSender<Vec<T>>,
    /// One permit for each item that fits.
    pub(crate) permits: Arc<Semaphore>,
}

impl<T> Clone for ConnectionSender<T> {
    fn clone(&self) -> Self {
        Self { to: self.to.clone(), permits: self.permits.clone() }
    }
}

impl<T> fmt::Debug for ConnectionSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let permits = self.permits.available_permits();
        f.debug_struct("ConnectionSender").field("permits", &permits).finish_non_exhaustive()
    }
}

/// The end of a [`connection`] that a pipeline [takes from](crate::Pipeline::from_connection).
pub struct ConnectionReceiver<T> {
    pub(crate) from: UnboundedReceiver<Vec<T>>,
    pub(crate) permits: Arc<Semaphore>,
}

impl<T> ConnectionReceiver<T> {
    /// Accepts nothing more, and ends the waiting for permits.
    pub(crate) fn close(&mut self) {
        self.permits.close();
        self.from.close();
    }
}

impl<T> Drop for ConnectionReceiver<T> {
    fn drop(&mut self) {
        self.close();
    }
}

impl<T> fmt::Debug for ConnectionReceiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let permits = self.permits.available_permits();
        f.debug_struct("ConnectionReceiver").field("permits", &permits).finish_non_exhaustive()
    }
}

/// The error of a pipeline that sends through a [`connection`] whose receiving pipeline has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the receiving pipeline has ended")]
pub struct Disconnected;
