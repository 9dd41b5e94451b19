//! A concurrency limit for all together.

use std::{fmt, sync::Arc};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::Busy;
use crate::context::{Context, error::ContextError};

/// A limit on how many do something at the same time. A cheap clone.
///
/// ```
/// use upbeat::limit::ConcurrencyLimit;
///
/// let reports = ConcurrencyLimit::new(2);
/// let (first, second) = (reports.try_acquire(), reports.try_acquire());
/// assert!(first.is_ok() && second.is_ok());
/// assert_eq!(reports.try_acquire().expect_err("it is the third").to_string(), "busy: all 2 places are taken");
/// drop(first);
/// assert!(reports.try_acquire().is_ok());
/// ```
///
/// # Guarantees
///
/// - Never more [permits](Permit) than places.
/// - Those who wait get their places in the order of asking, and nobody overtakes them. Who gives up takes none.
///
/// # Compared with others
///
/// It is `tokio::sync::Semaphore` for one purpose: waiting ends with a [`Context`], and there is no error for a closed semaphore. For
/// calls that may hang there is [`Monitor`](crate::monitor::Monitor), for tasks under one context [`Group`](crate::task::Group), each with a limit of its own.
#[derive(Clone)]
pub struct ConcurrencyLimit {
    most: usize,
    places: Arc<Semaphore>,
}

impl ConcurrencyLimit {
    /// A limit of `most` places, at least one.
    pub fn new(most: usize) -> Self {
        let most = most.clamp(1, Semaphore::MAX_PERMITS);
        Self { most, places: Arc::new(Semaphore::new(most)) }
    }

    /// Takes a place, if there is one that nobody waits for.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn try_acquire(&self) -> Result<Permit, Busy> {
        let permit = self.places.clone().try_acquire_owned();
        permit.map(Permit).map_err(|_| Busy { most: self.most })
    }

    /// Waits for a place, and takes it. To wait for some time only give it a context [with a timeout](Context::with_timeout).
    ///
    /// # Errors
    ///
    /// When the context is done before that, with the reason.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped no place was taken, but the place in the line is lost.
    pub async fn acquire(&self, cx: &Context) -> Result<Permit, ContextError> {
        loop {
            // The semaphore is never closed, so there is no error, and the loop is for the compiler.
            if let Ok(permit) = cx.unless_done(self.places.clone().acquire_owned()).await? {
                return Ok(Permit(permit));
            }
        }
    }

    /// How many places are taken.
    pub fn active(&self) -> usize {
        self.most - self.places.available_permits()
    }

    /// How many places there are.
    pub fn most(&self) -> usize {
        self.most
    }
}

impl fmt::Debug for ConcurrencyLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConcurrencyLimit")
            .field("active", &self.active())
            .field("most", &self.most)
            .finish_non_exhaustive()
    }
}

/// A place of a [`ConcurrencyLimit`], taken until this is dropped.
#[derive(Debug)]
#[must_use = "the place is free again when this is dropped"]
pub struct Permit(#[expect(dead_code, reason = "held, never looked at")] OwnedSemaphorePermit);
