//! The results of many jobs, as streams.

use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
};

use futures_core::Stream;

use super::{error::JobError, in_flight::InFlight};
use crate::pool::worker::shared::PoolShared;

/// The results of [`Pool::submit_all`](super::super::Pool::submit_all), in the order of the jobs.
///
/// If it is dropped, jobs that have not begun are cancelled.
#[must_use = "jobs are submitted only while it is polled"]
pub struct Results<I: Iterator, R> {
    jobs: InFlight<I, R>,
}

/// The results of [`Pool::submit_all_unordered`](super::super::Pool::submit_all_unordered) as jobs
/// finish, each with the position of its job.
///
/// If it is dropped, jobs that have not begun are cancelled.
#[must_use = "jobs are submitted only while it is polled"]
pub struct ResultsUnordered<I: Iterator, R> {
    jobs: InFlight<I, R>,
}

impl<I: Iterator, R> Results<I, R> {
    pub(super) fn new(shared: Arc<PoolShared<I::Item, R>>, jobs: I) -> Self {
        Self { jobs: InFlight::new(shared, jobs, true) }
    }

    /// Waits for the next result, in the order of the jobs. Returns `None` after the last.
    ///
    /// # Errors
    ///
    /// Returns a [`JobError`] for a job that has no result.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, no result is lost.
    pub async fn next(&mut self) -> Option<Result<R, JobError>> {
        let next = poll_fn(|cx| self.jobs.poll_next(cx)).await;
        next.map(|(_, outcome)| outcome.into())
    }
}

impl<I: Iterator, R> ResultsUnordered<I, R> {
    pub(super) fn new(shared: Arc<PoolShared<I::Item, R>>, jobs: I) -> Self {
        Self { jobs: InFlight::new(shared, jobs, false) }
    }

    /// Waits for the next job that finishes. Returns the position of the job and its result, and
    /// `None` after the last.
    ///
    /// # Errors
    ///
    /// The result is a [`JobError`] if the job has none.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, no result is lost.
    pub async fn next(&mut self) -> Option<(usize, Result<R, JobError>)> {
        let next = poll_fn(|cx| self.jobs.poll_next(cx)).await;
        next.map(|(at, outcome)| (at, outcome.into()))
    }
}

impl<I: Iterator, R> Stream for Results<I, R> {
    type Item = Result<R, JobError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        self.jobs.poll_next(cx).map(|next| next.map(|(_, outcome)| outcome.into()))
    }
}

impl<I: Iterator, R> Stream for ResultsUnordered<I, R> {
    type Item = (usize, Result<R, JobError>);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        self.jobs.poll_next(cx).map(|next| next.map(|(at, outcome)| (at, outcome.into())))
    }
}

impl<I: Iterator, R> fmt::Debug for Results<I, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Results").field(&self.jobs).finish()
    }
}

impl<I: Iterator, R> fmt::Debug for ResultsUnordered<I, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ResultsUnordered").field(&self.jobs).finish()
    }
}
