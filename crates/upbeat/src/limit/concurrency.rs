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
    /// To bound the wait, pass a context [with a timeout](Context::with_timeout).
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
