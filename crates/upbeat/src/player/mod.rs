//! The [`Player`] trait, its blanket implementations, and adapters for closures.

pub(crate) mod adapters;
pub(crate) mod erased;
pub(crate) mod part;

pub use self::adapters::{AlreadyPlayed, Once, With};
pub use crate::tree::{instances::SharedPlayers, player_id::PlayerId};

use std::{future::Future, sync::Arc};

use upbeat_score::Readiness;

use crate::{context::Context, error::BoxError};

/// A long-lived worker: it is started, becomes ready, and plays until it is asked to stop.
///
/// `&self` is a *recipe*: state lives inside [`play`](Player::play), so that every run begins with
/// fresh state. A plain function or closure `Fn(Context) -> impl Future<Output = Result<(), E>>` is
/// a player, and so is an `Arc` of a player. [`with`](crate::with) gives a cloned state to a
/// closure. [`once`](crate::once) takes a closure that can run only once.
///
/// # Contract
///
/// A player returns soon after [`Context::stopping`] completes. `Ok(())` while stopping is a clean
/// end. An error is reported even then. `Ok(())` *before* a stop request is a failure of a service,
/// and the success of a [job](crate::Part::job).
///
/// One error is a clean end too: the [`ContextError::Canceled`](crate::ContextError::Canceled) with
/// which the stop of this run ended a context, as the error or as a source of it. So `?` is enough:
///
/// ```
/// use upbeat::{Context, ContextError};
///
/// # async fn serve() -> u32 { std::future::pending().await }
/// async fn play(cx: Context) -> Result<(), ContextError> {
///     loop {
///         cx.unless_done(serve()).await?;
///     }
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let report = upbeat::Conductor::new("shop").player("web", play).play_until(async {}).await;
/// assert!(report.is_clean(), "{report}");
/// # }
/// ```
///
/// A context that the player canceled itself, a deadline, or a context of another run make it fail.
///
/// The conductor polls the future on its own task. It catches every panic: in `play` itself, in a
/// poll, in the drop. It aborts the task at its stop deadline. A future that never yields cannot be
/// aborted, and is reported as leaked.
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
/// # Which form of closure
///
/// A part may be restarted, so a closure must be `Fn`: callable for every run. A closure that moves
/// a capture into its future, or lends it to the future, is not. There are three forms that are:
///
/// ```
/// use std::io;
/// use upbeat::{Conductor, Context, once, with};
///
/// # #[derive(Clone)]
/// # struct Db;
/// # impl Db { async fn flush(&self) -> Result<(), io::Error> { Ok(()) } }
/// async fn flusher(db: Db, cx: Context) -> Result<(), io::Error> {
///     cx.stopping().await;
///     db.flush().await
/// }
///
/// # fn shop(db: Db, queue: tokio::sync::mpsc::Receiver<u32>) -> Conductor {
/// let state = db.clone();
/// Conductor::new("shop")
///     // 1. Every run gets a clone of the state.
///     .player("flusher", with(state, async |db: Db, cx: Context| {
///         cx.stopping().await;
///         db.flush().await
///     }))
///     // 2. The same with an async function: the closure clones its capture for every run.
///     .player("second", move |cx| flusher(db.clone(), cx))
///     // 3. The capture cannot be cloned. The player runs only once.
///     .player("third", once(async move |cx: Context| {
///         let mut queue = queue;
///         while let Some(Some(order)) = cx.unless_stopping(queue.recv()).await {
///             println!("order {order}");
///         }
///         Ok::<_, io::Error>(())
///     }))
/// # }
/// # let _ = shop;
/// ```
///
/// The parameter of an async closure needs its type (`cx: Context`), because the compiler does not
/// infer it. For a closure that is not `Fn` the compiler prints these forms:
///
/// ```compile_fail
/// let orders = vec![1, 2, 3];
/// let part = upbeat::Part::new("orders", async move |cx: upbeat::Context| {
///     drop(orders);
///     Ok::<_, std::io::Error>(())
/// });
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a player",
    label = "not a `Player`",
    note = "a player is an `async fn(Context) -> Result<(), E>` whose future is `Send`, or a type that implements `Player`",
    note = "a closure must be `Fn`: it neither moves its captures into the future nor lends them to it. Three forms are:\n\
            - `upbeat::with(state, async |state, cx: Context| ..)`: every run gets a clone of the state\n\
            - `move |cx| function(state.clone(), cx)`: the closure clones its capture for every run\n\
            - `upbeat::once(async move |cx: Context| ..)`: the player runs only once"
)]
pub trait Player: Send + Sync + 'static {
    /// The error of a failed run: any type that converts into a boxed error, such as
    /// `std::io::Error`, `anyhow::Error` or `BoxError`.
    type Error: Into<BoxError>;

    /// Plays until the work is done or `cx` asks to stop.
    ///
    /// # Errors
    ///
    /// Any error fails the run. It is reported under the player's path, also while stopping.
    fn play(&self, cx: Context) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Returns the moment at which a run counts as ready. Servers return [`Readiness::Signalled`]
    /// and call [`Context::ready`].
    fn readiness(&self) -> Readiness {
        Readiness::AtStart
    }

    /// Returns the identity of a player whose clones share their state. `None`, the default, is a
    /// player that may be given to several parts.
    ///
    /// Two parts of the same identity are refused, anywhere in a tree of nested conductors, and
    /// also when a part is [added](crate::Handle::add).
    fn identity(&self) -> Option<PlayerId> {
        None
    }

    /// Lists the shared players that are played with this one. Default: its own
    /// [identity](Player::identity).
    ///
    /// A player that plays others, or wraps another, lists those too. So a shared player that is
    /// given to two parts is found before anything starts.
    ///
    /// ```
    /// use upbeat::{Context, Player, player::SharedPlayers};
    ///
    /// struct Logged<P>(P);
    ///
    /// impl<P: Player> Player for Logged<P> {
    ///     type Error = P::Error;
    ///
    ///     async fn play(&self, cx: Context) -> Result<(), P::Error> {
    ///         println!("{} plays", cx.path());
    ///         self.0.play(cx).await
    ///     }
    ///
    ///     fn list_shared(&self, players: &mut SharedPlayers) {
    ///         self.0.list_shared(players);
    ///     }
    /// }
    /// # let _ = upbeat::Part::new("logged", Logged(upbeat::task::Tracker::new()));
    /// ```
    fn list_shared(&self, players: &mut SharedPlayers) {
        if let Some(identity) = self.identity() {
            players.add(identity);
        }
    }

    /// Returns whether [`play`](Player::play) can be called again. Default: true.
    ///
    /// A part whose player returns false cannot have a restart policy.
    fn is_restartable(&self) -> bool {
        true
    }
}

/// A function of a [`Context`] that can be called for every run: every `Fn(Context) -> Future`.
///
/// It is separate from [`Player`] so that the compiler reports a closure that is not `Fn` with the
/// message of `Player`, and a future that is not `Send` with the line of the value that is not.
pub trait PlayFn: Send + Sync + 'static {
    /// The future of one run.
    type Run;

    /// Starts a run.
    fn call(&self, cx: Context) -> Self::Run;
}

#[diagnostic::do_not_recommend]
impl<F, Run> PlayFn for F
where
    F: Fn(Context) -> Run + Send + Sync + 'static,
{
    type Run = Run;

    fn call(&self, cx: Context) -> Run {
        self(cx)
    }
}

impl<F, Run, E> Player for F
where
    F: PlayFn<Run = Run>,
    Run: Future<Output = Result<(), E>> + Send,
    E: Into<BoxError>,
{
    type Error = E;

    fn play(&self, cx: Context) -> impl Future<Output = Result<(), E>> + Send {
        self.call(cx)
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

    fn identity(&self) -> Option<PlayerId> {
        Some(PlayerId::of(self))
    }

    fn list_shared(&self, players: &mut SharedPlayers) {
        players.add(PlayerId::of(self));
        P::list_shared(self, players);
    }

    fn is_restartable(&self) -> bool {
        P::is_restartable(self)
    }
}
