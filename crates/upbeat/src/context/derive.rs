//! Contexts derived from others, as Go has them: children, deadlines, values, cancelling.

use std::{any::Any, future::Future, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    Context, Place,
    error::ContextError,
    scope::{Carried, One, Own, Scope, after},
};
use crate::{error::BoxError, run::wait::Wait};

/// Scopes: contexts derived from others, as Go has them.
impl Context {
    fn derive(&self, own: Own) -> Self {
        self.derive_with(own, ())
    }

    fn derive_with(&self, own: Own, carried: impl Carried) -> Self {
        Self(Place::Scope(Scope::new(self, own, carried)))
    }

    /// A context that is done with this one, and can be [cancelled](Context::cancel) before that.
    ///
    /// ```
    /// let cx = upbeat::Context::background();
    /// let child = cx.child();
    /// child.cancel("enough");
    /// assert!(child.error().is_some() && cx.error().is_none());
    /// ```
    pub fn child(&self) -> Self {
        self.derive(Own::default())
    }

    /// A child that is done after `timeout` at the latest.
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
        self.derive(Own { deadline: after(timeout), ..Own::default() })
    }

    /// A child that is done at `deadline` at the latest. One that lies in the past makes a child that is done.
    ///
    /// ```
    /// use tokio::time::{Duration, Instant};
    ///
    /// let (soon, later) = (Instant::now(), Instant::now() + Duration::from_secs(60));
    /// let cx = upbeat::Context::background().with_deadline(soon);
    /// assert_eq!(cx.with_deadline(later).deadline(), Some(soon), "a child may have less time, never more");
    /// ```
    pub fn with_deadline(&self, deadline: Instant) -> Self {
        self.derive(Own { deadline: Some(deadline), ..Own::default() })
    }

    /// A child that carries a value: something that belongs to one request or piece of work, such as its id or who asks.
    ///
    /// Values are found by their type, so a type of one's own for each keeps them apart. A value of the same type further up is shadowed for this
    /// child and its children, and stays what it is for the others.
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
        self.derive_with(Own::default(), One(Arc::new(value)))
    }

    /// The value of this type: this context's own, or that of the nearest one above.
    ///
    /// ```
    /// assert!(upbeat::Context::background().value::<String>().is_none());
    /// ```
    pub fn value<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.scope()?.value()
    }

    /// A child that keeps the values, but is not done when the run is asked to stop, nor with the contexts above it: for cleaning
    /// up after a stop, and for requests in flight. It is Go's `context.WithoutCancel`, but bounded.
    ///
    /// It is done when it is cancelled itself, when the run's stop deadline passes, or when nothing is left of the run; a child of
    /// it also when its own deadline passes. What it says of the run is unchanged: [`stopping`](Context::stopping) completes with the stop.
    ///
    /// A task of the same run that waits only for this context to be done keeps the run from ending until its stop deadline.
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
        self.derive(Own { until_deadline: true, ..Own::default() })
    }

    /// Ends this context and all its children: they are done, with this cause. Says whether it did; it did not if the context was
    /// done already. The first end counts, and keeps its cause.
    ///
    /// It only says so: work is ended by whoever does it and looks at the context.
    ///
    /// A player's own context is ended by the conductor alone: here this has no effect, and is warned about. A player that wants to end
    /// returns; what it gives to its helpers is a [`child`](Context::child).
    ///
    /// ```
    /// let cx = upbeat::Context::background().child();
    /// assert!(cx.cancel("the user went away"));
    /// assert!(!cx.cancel(std::io::Error::other("too late")));
    /// ```
    pub fn cancel(&self, cause: impl Into<BoxError>) -> bool {
        let Some(scope) = self.scope() else {
            tracing::warn!(
                player = %self.path(),
                "`cancel()` has no effect: only the conductor ends a player's own context; cancel a `child()` of it"
            );
            return false;
        };
        scope.cancel(cause.into())
    }

    /// Whether nobody else holds this context: there is no clone of it, and no child. Then nobody would learn of a
    /// [`cancel`](Context::cancel), and whoever has to cancel very often can leave it.
    ///
    /// It may be false for a moment longer than it is true. A player's own context is never alone.
    ///
    /// ```
    /// let cx = upbeat::Context::background().child();
    /// let child = cx.child();
    /// assert!(!cx.is_unique() && child.is_unique());
    /// ```
    pub fn is_unique(&self) -> bool {
        self.scope().is_some_and(|scope| Arc::strong_count(scope) == 1)
    }

    /// Why this context is done; `None` while it is not.
    ///
    /// It is what came first: a [`cancel`](Context::cancel) of it or of a context above, one of their deadlines, or the stop of the run, however
    /// late it is looked at. (A deadline that has passed at the instant of a cancel came first.) Once said, it never changes.
    ///
    /// ```
    /// let cx = upbeat::Context::background().child();
    /// assert!(cx.error().is_none());
    /// cx.cancel("enough");
    /// assert_eq!(cx.error().expect("it is done").to_string(), "canceled");
    /// ```
    pub fn error(&self) -> Option<ContextError> {
        match self.scope() {
            None => self.run().stop.error(),
            Some(scope) => scope.error(),
        }
    }

    /// Completes when this context is done, with the [reason](Context::error); at once if it already is.
    ///
    /// For a player's own context this is [`stopping`](Context::stopping).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing, and it can be asked for again.
    ///
    /// # Panics
    ///
    /// When polled outside a tokio runtime with time, if the context has a deadline.
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
                    // It says why as soon as it is asked to stop: the loop is for the compiler.
                    Wait::new(cx.run().clone()).await;
                    if let Some(error) = cx.error() {
                        return error;
                    }
                },
            }
        }
    }

    /// Runs `work` until it is done (`Ok`) or this context is (`Err`).
    ///
    /// A context that is already done wins over work that is ready; the work is then not even begun.
    ///
    /// # Errors
    ///
    /// Why this context is done.
    ///
    /// # Cancel safety
    ///
    /// When the context is done `work` is dropped where it stands: only for work that may be interrupted at any `await`.
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
