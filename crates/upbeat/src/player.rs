//! What can be played: the [`Player`] trait, its blanket implementations, and adapters for closures.

use std::{error::Error as StdError, future::Future, sync::Arc};

use parking_lot::Mutex;

use crate::{
    Context,
    run::{Playing, Run},
};

/// Any error a player may fail with.
pub type BoxError = Box<dyn StdError + Send + Sync + 'static>;

use upbeat_score::Readiness;

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
/// use upbeat::{Context, Player, Readiness};
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

/// A player from a state and a closure: every run gets a clone of the state.
///
/// ```
/// # use std::sync::Arc;
/// # struct Db;
/// let db = Arc::new(Db);
/// let flusher = upbeat::with(db, async |db: Arc<Db>, cx: upbeat::Context| {
///     cx.stopping().await;
///     drop(db); // flush it
///     Ok::<_, std::io::Error>(())
/// });
/// # let _: &dyn std::any::Any = &upbeat::Part::new("flusher", flusher);
/// ```
pub fn with<S, F, Fut, E>(state: S, play: F) -> With<S, F>
where
    S: Clone + Send + Sync + 'static,
    F: Fn(S, Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), E>> + Send,
    E: Into<BoxError>,
{
    With { state, play }
}

/// The player made by [`with`].
#[derive(Clone, Debug)]
pub struct With<S, F> {
    state: S,
    play: F,
}

impl<S, F, Fut, E> Player for With<S, F>
where
    S: Clone + Send + Sync + 'static,
    F: Fn(S, Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), E>> + Send,
    E: Into<BoxError>,
{
    type Error = E;

    fn play(&self, cx: Context) -> impl Future<Output = Result<(), E>> + Send {
        (self.play)(self.state.clone(), cx)
    }
}

/// A player from a closure that can be called only once, because it gives away what it captured.
///
/// A part that plays it cannot have a restart policy: the score's check refuses that. A second run asked for by hand
/// fails with [`AlreadyPlayed`].
///
/// ```
/// let (tx, rx) = tokio::sync::oneshot::channel::<()>();
/// let player = upbeat::once(async move |cx: upbeat::Context| {
///     let _ = cx.unless_stopping(rx).await;
///     Ok::<_, std::io::Error>(())
/// });
/// # drop((tx, player));
/// ```
pub fn once<F, Fut, E>(play: F) -> Once<F>
where
    F: FnOnce(Context) -> Fut + Send + 'static,
    Fut: Future<Output = Result<(), E>> + Send,
    E: Into<BoxError>,
{
    Once { play: Mutex::new(Some(play)) }
}

/// The player made by [`once`].
pub struct Once<F> {
    play: Mutex<Option<F>>,
}

impl<F> std::fmt::Debug for Once<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Once").finish_non_exhaustive()
    }
}

impl<F, Fut, E> Player for Once<F>
where
    F: FnOnce(Context) -> Fut + Send + 'static,
    Fut: Future<Output = Result<(), E>> + Send,
    E: Into<BoxError>,
{
    type Error = BoxError;

    async fn play(&self, cx: Context) -> Result<(), BoxError> {
        let play = self.play.lock().take().ok_or(AlreadyPlayed)?;
        play(cx).await.map_err(Into::into)
    }

    fn restartable(&self) -> bool {
        false
    }
}

/// A player made by [`once`] was started a second time.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("this player was made by `upbeat::once` and has already played")]
pub struct AlreadyPlayed;

/// Return this as a player's error to be started again: "restart me".
///
/// It is honoured whatever the part's restart policy says about other failures, with the policy's backoff
/// and intensity (the default policy's where the part has none).
///
/// ```
/// # async fn configuration_changed() -> bool { true }
/// async fn worker(cx: upbeat::Context) -> Result<(), upbeat::BoxError> {
///     if configuration_changed().await {
///         return Err(upbeat::RestartRequested.into());
///     }
///     cx.stopping().await;
///     Ok(())
/// }
/// # let _ = upbeat::Part::new("worker", worker);
/// ```
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the player asked to be restarted")]
pub struct RestartRequested;

/// The object-safe twin of [`Player`], which is not (its `play` returns `impl Future`).
pub(crate) trait DynPlayer: Send + Sync {
    /// Starts it on a task of its own. Here, where the future's type is known, so that it needs no box.
    fn start(self: Arc<Self>, run: &Arc<Run>) -> Playing;
    fn instance(&self) -> Option<usize>;
    fn restartable(&self) -> bool;
}

impl<P: Player> DynPlayer for P {
    fn start(self: Arc<Self>, run: &Arc<Run>) -> Playing {
        run.start(self)
    }

    fn instance(&self) -> Option<usize> {
        Player::instance(self)
    }

    fn restartable(&self) -> bool {
        Player::restartable(self)
    }
}
