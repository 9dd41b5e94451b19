//! Players from closures.

use std::future::Future;

use parking_lot::Mutex;

use super::Player;
use crate::{context::Context, error::BoxError};

/// Makes a player of a state and a closure. Every run receives a clone of the state.
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

/// A player made by [`with`].
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

/// Makes a player of a closure that can be called only once, because it moves its captures.
///
/// It is never restarted. The check of the score refuses a restart policy, and a
/// [strategy](crate::Conductor::strategy) that would restart it together with another part, also
/// for a part that is [added](crate::Handle::add). A request to restart it by
/// [hand](crate::PartHandle::restart) is refused. All this holds for a conductor with such a
/// player, too.
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

/// A player made by [`once`].
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

    fn is_restartable(&self) -> bool {
        false
    }
}

/// The error of a player made by [`once`] that is started a second time.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("player made by `upbeat::once` has already played")]
pub struct AlreadyPlayed;

/// The error by which a player requests its own restart.
///
/// The restart follows whatever the part's restart policy is for other failures. It uses the
/// policy's backoff and limit, or the default ones without a policy.
///
/// ```
/// # async fn configuration_changed() -> bool { true }
/// async fn worker(cx: upbeat::Context) -> Result<(), upbeat::BoxError> {
///     if configuration_changed().await {
///         return Err(upbeat::restart::RestartRequested.into());
///     }
///     cx.stopping().await;
///     Ok(())
/// }
/// # let _ = upbeat::Part::new("worker", worker);
/// ```
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("restart requested by the player")]
pub struct RestartRequested;
