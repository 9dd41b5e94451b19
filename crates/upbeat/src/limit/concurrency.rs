//! One concurrency limit.

use std::{fmt, sync::Arc};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::Busy;
use crate::context::{Context, error::ContextError};

/// A limit on how many operations run at the same time. A cheap clone.
///
/// ```
/// use upbeat::limit::ConcurrencyLimit;
///
/// let reports = ConcurrencyLimit::new(2);
/// let (first, second) = (reports.try_acquire(), reports.try_acquire());
/// assert!(first.is_ok() && second.is_ok());
/// let third = reports.try_acquire().expect_err("there are two permits");
/// assert_eq!(third.to_string(), "busy: all 2 permits are in use");
/// drop(first);
/// assert!(reports.try_acquire().is_ok());
/// ```
///
/// # Guarantees
///
/// - There are never more than [`max`](ConcurrencyLimit::max) [permits](Permit).
/// - Waiters get permits in the order of their calls, before callers that do not wait. A cancelled
///   wait takes no permit.
///
/// # Waits that do not end by themselves
///
/// - A task that holds a permit and waits for another one of the same limit, as a recursion does,
///   waits for ever once such tasks hold all permits. One permit is taken at the outermost call,
///   and lent to the others.
/// - A wait that was polled once and is kept, as a branch of `select!` may be, gets its permit when
///   its turn comes, and holds it although it is not polled. Others then wait for it. So a wait is
///   polled to its end or dropped, and a loop around `select!` begins a new one. A [rate
///   limit](super::RateLimit) has no such wait: a turn for a token passes on.
///
/// Both end with the context, for example [at a timeout](Context::with_timeout). A
/// [dump](crate::diagnostics::Overview::dump) shows each task that waits at its `acquire`, and each
/// task that holds a permit at its own `await`.
///
/// ```
/// use upbeat::{Context, ContextError, limit::{ConcurrencyLimit, Permit}};
///
/// struct Folder(Vec<Folder>);
///
/// /// Lends the one permit, instead of taking another.
/// async fn count(folder: &Folder, permit: &Permit) -> usize {
///     let mut folders = 1;
///     for inner in &folder.0 {
///         folders += Box::pin(count(inner, permit)).await;
///     }
///     folders
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), ContextError> {
/// # let cx = Context::background();
/// let disk = ConcurrencyLimit::new(1);
/// let permit = disk.acquire(&cx).await?;
/// assert_eq!(count(&Folder(vec![Folder(vec![]), Folder(vec![])]), &permit).await, 3);
/// # Ok(())
/// # }
/// ```
///
/// # Compared with others
///
/// It is `tokio::sync::Semaphore` for one purpose: a wait ends with a [`Context`], and there is no
/// error for a closed semaphore. For calls that may hang there is
/// [`Monitor`](crate::monitor::Monitor), and for tasks under one context
/// [`Group`](crate::task::Group), each with its own limit.
#[derive(Clone)]
pub struct ConcurrencyLimit {
    max: usize,
    permits: Arc<Semaphore>,
}

impl ConcurrencyLimit {
    /// Returns a limit of `max` permits, at least one.
    pub fn new(max: usize) -> Self {
        let max = max.clamp(1, Semaphore::MAX_PERMITS);
        Self { max, permits: Arc::new(Semaphore::new(max)) }
    }

    /// Takes a permit without waiting.
    ///
    /// # Errors
    ///
    /// If all permits are in use, or the free ones belong to waiters.
    pub fn try_acquire(&self) -> Result<Permit, Busy> {
        let permit = self.permits.clone().try_acquire_owned();
        permit.map(Permit).map_err(|_| Busy { max: self.max })
    }

    /// Waits for a permit and takes it.
    ///
    /// To bound the wait, pass a context [with a timeout](Context::with_timeout). A caller that
    /// already holds a permit, and a future that is kept and not polled, may [wait for
    /// ever](ConcurrencyLimit#waits-that-do-not-end-by-themselves).
    ///
    /// # Errors
    ///
    /// If the context is done first, with the reason.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, no permit is taken, and the position in the queue is lost.
    pub async fn acquire(&self, cx: &Context) -> Result<Permit, ContextError> {
        loop {
            // The semaphore is never closed, so there is no error, and the loop is for the
            // compiler.
            if let Ok(permit) = cx.unless_done(self.permits.clone().acquire_owned()).await? {
                return Ok(Permit(permit));
            }
        }
    }

    /// Returns how many permits are in use.
    pub fn active(&self) -> usize {
        self.max - self.permits.available_permits()
    }

    /// Returns the number of permits.
    pub fn max(&self) -> usize {
        self.max
    }
}

impl fmt::Debug for ConcurrencyLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConcurrencyLimit")
            .field("active", &self.active())
            .field("max", &self.max)
            .finish_non_exhaustive()
    }
}

/// A permit of a [`ConcurrencyLimit`], in use until this value is dropped.
#[derive(Debug)]
#[must_use = "the permit is free again when this is dropped"]
pub struct Permit(#[expect(dead_code, reason = "held for its drop")] OwnedSemaphorePermit);
