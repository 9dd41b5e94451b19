//! What can be played: the [`Player`] trait, its blanket implementations, and adapters for closures.

pub(crate) mod adapters;
pub(crate) mod erased;
pub(crate) mod part;

pub use self::adapters::{AlreadyPlayed, Once, With};

use std::{future::Future, sync::Arc};

use upbeat_score::Readiness;

use crate::{context::Context, error::BoxError};

/// A long-lived worker: something that is started, is ready at some point, and plays until it is told to stop.
///
/// `&self` is a *recipe*: state lives inside [`play`](Player::play), so that every restart begins clean.
/// A plain function or closure `Fn(Context) -> impl Future<Output = Result<(), E>>` is a player as it stands, and so
/// is an `Arc` of a player. [`with`] hands a cloned state to a closure, [`once`] takes a closure that
/// can run only once.
///
/// # What a player must do
///
/// Return soon after [`Context::stopping`] completes. `Ok(())` while stopping is a clean end; an error is reported
/// even then. `Ok(())` *before* a stop was asked for is a failure of a service and the success of a [job](crate::Part::job).
///
/// # What the conductor does
///
/// It polls the future on its own task, catches every panic (in `play` itself, in a poll, in the drop), and aborts the task when
/// it is still running at its stop deadline. A future that never yields cannot be aborted: it is reported as leaked.
///
/// ```
/// use upbeat::{Context, Player, score::Readiness};
///
/// struct Ticker;
///
/// impl Player for Ticker {
///     type Error = std::io::Error;
///
///     async fn play(&self, cx: Context) -> Result<(), Self::Error> {
///         let mut every = tokio::time::interval(std::time::Duration::from_secs(1));
///         while cx.unless_stopping(every.tick()).await.is_some() {
///             // one tick of work
///         }
///         Ok(())
///     }
/// }
/// ```
///
/// A closure that gives away what it captured is refused by the compiler, because it could play only once; it is told to use [`with`] or [`once`]:
///
/// ```compile_fail
/// let orders = vec![1, 2, 3];
/// let part = upbeat::Part::new("orders", async move |cx: upbeat::Context| {
///     drop(orders);
///     Ok::<_, std::io::Error>(())
/// });
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be conducted",
    label = "not a `Player`",
    note = "a player is a type that implements `Player`, or an `async fn(Context) -> Result<(), E>` whose future is `Send`",
    note = "a closure that captures must be callable again: `upbeat::with(state, async |state, cx| ..)` hands it a clone, \
            `upbeat::once(..)` takes a closure that runs only once"
)]
pub trait Player: Send + Sync + 'static {
    /// Why a run failed. Anything that turns into a boxed error: `std::io::Error`, `anyhow::Error`, `BoxError`.
    type Error: Into<BoxError>;

    /// Plays until the work is done or `cx` asks to stop.
    ///
    /// # Errors
    ///
    /// Whatever made this run fail. It is kept and reported under the player's path, also while stopping.
    fn play(&self, cx: Context) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// When a run counts as ready. Servers return [`Readiness::Signalled`] and call [`Context::ready`].
    fn readiness(&self) -> Readiness {
        Readiness::AtStart
    }

    /// What tells two shared instances apart, so that the same one is not played twice.
    #[doc(hidden)]
    fn instance(&self) -> Option<usize> {
        None
    }

    /// Whether `play` can be called again.
    #[doc(hidden)]
    fn restartable(&self) -> bool {
        true
    }
}

impl<F, Fut, E> Player for F
where
    F: Fn(Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), E>> + Send,
    E: Into<BoxError>,
{
    type Error = E;

    fn play(&self, cx: Context) -> impl Future<Output = Result<(), E>> + Send {
        self(cx)
    }
}

impl<P: Player> Player for Arc<P> {
    type Error = P::Error;

    fn play(&self, cx: Context) -> impl Future<Output = Result<(), Self::Error>> + Send {
        P::play(self, cx)
    }

    fn readiness(&self) -> Readiness {
        P::readiness(self)
    }

    fn instance(&self) -> Option<usize> {
        Some(Arc::as_ptr(self).addr())
    }

    fn restartable(&self) -> bool {
        P::restartable(self)
    }
}
