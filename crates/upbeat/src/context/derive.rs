//! Derived contexts, as in Go: children, deadlines, values, and cancelation.

use std::{any::Any, future::Future, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    Context, Origin,
    error::ContextError,
    scope::{Attachment, Scope, ScopeOptions, SingleValue, after},
};
use crate::{error::BoxError, run::wait::Wait, targets};

/// Scopes: derived contexts, as in Go.
impl Context {
    fn derive(&self, own: ScopeOptions) -> Self {
        self.derive_with(own, ())
    }

    fn derive_with(&self, own: ScopeOptions, attachment: impl Attachment) -> Self {
        Self(Origin::Scope(Scope::new(self.run(), self.scope(), own, attachment)))
    }

    /// Returns a child: a context that is done with this one, and can be
    /// [canceled](Context::cancel) earlier.
    ///
    /// ```
    /// let cx = upbeat::Context::background();
    /// let child = cx.child();
    /// child.cancel("enough");
    /// assert!(child.error().is_some() && cx.error().is_none());
    /// ```
    pub fn child(&self) -> Self {
        self.derive(ScopeOptions::default())
    }

    /// Returns a child that is done after `timeout` at the latest.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let cx = upbeat::Context::background().with_timeout(Duration::from_secs(1));
    /// assert_eq!(cx.done().await.to_string(), "deadline exceeded");
    /// # }
    /// ```
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        self.derive(ScopeOptions { deadline: after(timeout), ..ScopeOptions::default() })
    }

    /// Returns a child that is done at `deadline` at the latest. With a deadline in the past it is
    /// done at once.
    ///
    /// ```
    /// use tokio::time::{Duration, Instant};
    ///
    /// let (soon, later) = (Instant::now(), Instant::now() + Duration::from_secs(60));
    /// let cx = upbeat::Context::background().with_deadline(soon);
    /// assert_eq!(cx.with_deadline(later).deadline(), Some(soon), "a child may have less time, never more");
    /// ```
    pub fn with_deadline(&self, deadline: Instant) -> Self {
        self.derive(ScopeOptions { deadline: Some(deadline), ..ScopeOptions::default() })
    }

    /// Returns a child that carries a value of one request or piece of work, such as its id or its
    /// user.
    ///
    /// Values are found by their type. A value shadows a value of the same type further up, for
    /// this child and its children only.
    ///
    /// ```
    /// struct RequestId(u64);
    ///
    /// let cx = upbeat::Context::background().with_value(RequestId(7));
    /// let inner = cx.with_value(RequestId(8)).child();
    /// assert_eq!(inner.value::<RequestId>().expect("it was given").0, 8);
    /// assert_eq!(cx.value::<RequestId>().expect("it was given").0, 7);
    /// ```
    pub fn with_value<T: Any + Send + Sync>(&self, value: T) -> Self {
        self.derive_with(ScopeOptions::default(), SingleValue(Arc::new(value)))
    }

    /// Returns the value of this type: the own value, or that of the nearest context above.
    ///
    /// ```
    /// assert!(upbeat::Context::background().value::<String>().is_none());
    /// ```
    pub fn value<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.scope()?.value()
    }

    /// Returns a child that keeps the values, but is not done when the run is asked to stop, nor
    /// with the contexts above it. For cleaning up after a stop, and for requests in flight. It is
    /// a bounded version of Go's `context.WithoutCancel`.
    ///
    /// It is done when it is canceled itself, when the run's stop deadline passes, or when nothing
    /// is left of the run. The methods about the run are unchanged: [`stopping`](Context::stopping)
    /// completes with the stop.
    ///
    /// A task of the same run that waits only for this context keeps the run from ending until its
    /// stop deadline.
    ///
    /// ```
    /// use std::time::Duration;
    /// use upbeat::{Context, ContextError};
    ///
    /// # async fn flush() {}
    /// async fn play(cx: Context) -> Result<(), ContextError> {
    ///     cx.done().await;
    ///     let closing = cx.until_deadline().with_timeout(Duration::from_secs(2));
    ///     closing.unless_done(flush()).await
    /// }
    /// # upbeat::Conductor::new("shop").player("db", play);
    /// ```
    pub fn until_deadline(&self) -> Self {
        self.derive(ScopeOptions { until_deadline: true, ..ScopeOptions::default() })
    }

    /// Cancels this context and all its children with this cause. Returns whether it did: a context
    /// that is already done keeps its first cause.
    ///
    /// It aborts nothing. The work under the context watches it, and ends itself.
    ///
    /// Only the conductor ends a player's own context. There, the call has no effect and logs a
    /// warning. A player that wants to end returns. It gives a [`child`](Context::child) to its
    /// helpers.
    ///
    /// ```
    /// let cx = upbeat::Context::background().child();
    /// assert!(cx.cancel("the user went away"));
    /// assert!(!cx.cancel(std::io::Error::other("too late")));
    /// ```
    pub fn cancel(&self, cause: impl Into<BoxError>) -> bool {
        let Some(scope) = self.scope() else {
            tracing::warn!(target: targets::PART, player = %self.path(), "cancel without effect on a player's own context, cancel a child of it");
            return false;
        };
        scope.cancel(cause.into())
    }

    /// Returns whether this context has no other clone and no child. A [`cancel`](Context::cancel)
    /// then has no effect on others, and a caller that cancels very often can omit it.
    ///
    /// It may return false for a moment too long. A player's own context is never unique.
    ///
    /// ```
    /// let cx = upbeat::Context::background().child();
    /// let child = cx.child();
    /// assert!(!cx.is_unique() && child.is_unique());
    /// ```
    pub fn is_unique(&self) -> bool {
        self.scope().is_some_and(|scope| Arc::strong_count(scope) == 1)
    }

    /// Returns the reason why this context is done. `None` while it is not.
    ///
    /// The first reason counts, however late this is called: a [`cancel`](Context::cancel) of it or
    /// of a context above, one of their deadlines, or the stop of the run. A deadline that has
    /// passed before a cancel came first. The result never changes.
    ///
    /// ```
    /// let cx = upbeat::Context::background().child();
    /// assert!(cx.error().is_none());
    /// cx.cancel("enough");
    /// assert_eq!(cx.error().expect("it is done").to_string(), "canceled");
    /// ```
    pub fn error(&self) -> Option<ContextError> {
        match self.scope() {
            None => self.run().done().map(ContextError::from),
            Some(scope) => scope.error(),
        }
    }

    /// Waits until this context is done, and returns the [reason](Context::error).
    ///
    /// For a player's own context this is [`stopping`](Context::stopping).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    ///
    /// # Panics
    ///
    /// If the context has a deadline, and the future is polled outside a tokio runtime with timers.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let cx = upbeat::Context::background().child();
    /// let helper = cx.spawn("helper", {
    ///     let cx = cx.clone();
    ///     async move { cx.done().await }
    /// });
    /// cx.cancel("enough");
    /// assert_eq!(helper.await.expect("it does not panic").to_string(), "canceled");
    /// # }
    /// ```
    pub fn done(&self) -> impl Future<Output = ContextError> + Send + use<> {
        let cx = self.clone();
        async move {
            match cx.scope() {
                Some(scope) => scope.done().await,
                None => loop {
                    // The reason is set before the stop is signaled. The loop satisfies the
                    // compiler.
                    Wait::new(cx.run().clone()).await;
                    if let Some(error) = cx.error() {
                        return error;
                    }
                },
            }
        }
    }

    /// Runs `work` until it completes (`Ok`) or this context is done (`Err`).
    ///
    /// If the context is already done, `work` is never polled.
    ///
    /// # Errors
    ///
    /// Returns the reason why this context is done.
    ///
    /// # Cancel safety
    ///
    /// When the context is done, `work` is dropped at its current `await`. Use it only for work
    /// that may be interrupted there.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let cx = upbeat::Context::background().child();
    /// assert_eq!(cx.unless_done(async { 7 }).await.expect("it goes on"), 7);
    /// cx.cancel("enough");
    /// assert!(cx.unless_done(async { 7 }).await.is_err());
    /// # }
    /// ```
    pub async fn unless_done<T>(&self, work: impl Future<Output = T>) -> Result<T, ContextError> {
        tokio::select! {
            biased;
            error = self.done() => Err(error),
            done = work => Ok(done),
        }
    }
}
