//! What joins pipelines: fan-out and merge.

use std::{fmt, sync::Arc};

use tokio::sync::{
    Semaphore,
    mpsc::{self, UnboundedReceiver, UnboundedSender},
};

/// A bounded connection from pipelines to a pipeline, for so many items, at least one.
///
/// Several pipelines that send to [clones](Clone) of one inlet are a merge; one that [routes](crate::Pipeline::route) or
/// [broadcasts](crate::Pipeline::broadcast) to several is a fan-out. Run them [together](crate::pipeline::Runnable::and), or each on a thread of its own.
///
/// They end front to back: the receiving pipeline ends when all that send to it have. When it ends before them, they end
/// with [`Disconnected`]. A connection that is full makes those that send to it wait: so a branch that stalls stalls its sender, and with it all of the
/// sender's other branches, once what lies between is full. A circle of connections may come to stand still.
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
    let room = Arc::new(Semaphore::new(items.clamp(1, Semaphore::MAX_PERMITS)));
    (ConnectionSender { to, room: room.clone() }, ConnectionReceiver { from, room })
}

/// The end of a [`connection`] that pipelines send to.
///
/// Only they can: so when all of them have ended, nothing more will come.
pub struct ConnectionSender<T> {
    /// Items that are sent together: one hop, and one wake-up, for all of them. What bounds it is the room.
    pub(crate) to: UnboundedSender<Vec<T>>,
    /// For so many items.
    pub(crate) room: Arc<Semaphore>,
}

impl<T> Clone for ConnectionSender<T> {
    fn clone(&self) -> Self {
        Self { to: self.to.clone(), room: self.room.clone() }
    }
}

impl<T> fmt::Debug for ConnectionSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionSender").field("room", &self.room.available_permits()).finish_non_exhaustive()
    }
}

/// The end of a [`connection`] that a pipeline [takes from](crate::Pipeline::from_connection).
pub struct ConnectionReceiver<T> {
    pub(crate) from: UnboundedReceiver<Vec<T>>,
    pub(crate) room: Arc<Semaphore>,
}

impl<T> ConnectionReceiver<T> {
    /// Nothing more is accepted, and who waits for room waits no longer.
    pub(crate) fn close(&mut self) {
        self.room.close();
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
        f.debug_struct("ConnectionReceiver").field("room", &self.room.available_permits()).finish_non_exhaustive()
    }
}

/// The pipeline at the other end of a [`connection`] has ended, so there is nowhere to put anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the pipeline that it sends to has ended")]
pub struct Disconnected;
