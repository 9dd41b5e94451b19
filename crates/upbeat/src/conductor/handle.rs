//! Operating a conductor from outside, while it plays.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::{
    player::part::Part,
    report::player::PlayerReport,
    snapshot::player::State,
    stop_cause::StopCause,
    supervisor::{control::Control, handle_error::HandleError, request::Request, state::Shared},
    tree::overview::Overview,
};

/// Operates a conductor from outside: stops it, adds, removes, restarts and stops its parts, and
/// watches their states. A cheap clone.
///
/// From [`Conductor::handle`](crate::Conductor::handle) of the outermost conductor. Paths may be
/// full (`shop/api/http`) or begin below the outermost conductor (`api/http`).
///
/// ```
/// use upbeat::{Conductor, Context, Part};
///
/// async fn worker(cx: Context) -> Result<(), std::io::Error> {
///     cx.stopping().await;
///     Ok(())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let shop = Conductor::new("shop").player("orders", worker);
/// let handle = shop.handle();
/// let playing = tokio::spawn(shop.play_until(std::future::pending()));
///
/// handle.overview().wait_for(|now| now.ready).await;
/// handle.add(Part::new("mails", worker)).await?;
/// handle.restart("orders").await?;
/// let mails = handle.remove("mails").await?;
/// assert!(mails.is_clean());
///
/// handle.stop();
/// assert!(playing.await?.is_clean());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Handle {
    control: Arc<Control>,
}

impl Handle {
    pub(crate) fn new(control: Arc<Control>) -> Self {
        Self { control }
    }

    /// Asks for a polite stop of everything, and returns at once. Before the conductor plays:
    /// nothing will be started. Later requests change nothing.
    pub fn stop(&self) {
        self.control.stop(StopCause::Requested);
    }

    /// Aborts everything, and returns at once. Does nothing when the conductor does not play.
    pub fn abort(&self) {
        self.control.abort(StopCause::Requested);
    }

    /// Asks the players to reload their configuration, as SIGHUP does: those that wait for
    /// [`Reloads`](crate::Reloads).
    pub fn reload(&self) {
        self.control.tree().reload();
    }

    /// The states of all players.
    pub fn overview(&self) -> Overview {
        Overview::new(self.control.tree().clone())
    }

    /// What the player of this path is doing; `None` when there is none, or nothing plays.
    pub fn state(&self, path: &str) -> Option<State> {
        let full = self.full(path);
        Some(self.overview().snapshot().player(&full)?.state.clone())
    }

    /// Adds a part to the outermost conductor. It starts once its conditions hold; this waits only
    /// until it is accepted.
    ///
    /// # Errors
    ///
    /// When nothing plays, everything is stopping, the name is taken, the same shared player plays
    /// already, or the part has other faults.
    ///
    /// # Cancel safety
    ///
    /// The request holds even if the future is dropped once it was polled.
    pub async fn add(&self, part: Part) -> Result<(), HandleError> {
        let path = self.control.tree().root_path().to_string();
        let shared = self.control.playing().ok_or(HandleError::NotPlaying { path: path.clone() })?;
        send_request(&shared, |reply| Request::Add { part, reply }).await
    }

    /// Adds a part to the nested conductor of this path.
    ///
    /// # Errors
    ///
    /// As [`add`](Handle::add), and when no conductor plays under that path.
    ///
    /// # Cancel safety
    ///
    /// As [`add`](Handle::add).
    pub async fn add_to(&self, conductor: &str, part: Part) -> Result<(), HandleError> {
        let path = self.full(conductor);
        let shared = self.control.tree().find(&path).ok_or(HandleError::Unknown { path })?;
        send_request(&shared, |reply| Request::Add { part, reply }).await
    }

    /// Stops a part, removes it, and returns its report, which will be missing in that of the
    /// whole. Its name can be used again.
    ///
    /// # Errors
    ///
    /// When there is no such part, or others depend on it.
    ///
    /// # Cancel safety
    ///
    /// The request holds even if the future is dropped once it was polled.
    pub async fn remove(&self, path: &str) -> Result<PlayerReport, HandleError> {
        let (shared, name) = self.locate(path)?;
        send_request(&shared, |reply| Request::Remove { name, reply }).await
    }

    /// Stops a part for good, and waits until it is gone. It is not restarted, whatever its policy
    /// says, but by [`restart`](Handle::restart).
    ///
    /// # Errors
    ///
    /// When there is no such part.
    ///
    /// # Cancel safety
    ///
    /// The request holds even if the future is dropped once it was polled.
    pub async fn stop_part(&self, path: &str) -> Result<PlayerReport, HandleError> {
        let (shared, name) = self.locate(path)?;
        send_request(&shared, |reply| Request::Stop { name, reply }).await
    }

    /// Starts a part again: stops it first if it plays. Counts towards no limit. Waits only until
    /// it is accepted.
    ///
    /// # Errors
    ///
    /// When there is no such part, everything is stopping, or it can be played only once.
    ///
    /// # Cancel safety
    ///
    /// The request holds even if the future is dropped once it was polled.
    pub async fn restart(&self, path: &str) -> Result<(), HandleError> {
        let (shared, name) = self.locate(path)?;
        send_request(&shared, |reply| Request::Restart { name, reply }).await
    }

    fn full(&self, path: &str) -> String {
        let root = self.control.tree().root_path();
        match path.strip_prefix(&**root) {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => path.to_owned(),
            _ => format!("{root}/{path}"),
        }
    }

    /// The conductor of a part, and the part's name.
    fn locate(&self, path: &str) -> Result<(Arc<Shared>, String), HandleError> {
        let full = self.full(path);
        if self.control.playing().is_none() {
            return Err(HandleError::NotPlaying { path: self.control.tree().root_path().to_string() });
        }
        let found = full.rsplit_once('/').and_then(|(conductor, name)| {
            let shared = self.control.tree().find(conductor)?;
            Some((shared, name.to_owned()))
        });
        found.ok_or(HandleError::Unknown { path: full })
    }
}

async fn send_request<T>(
    shared: &Shared,
    request: impl FnOnce(oneshot::Sender<Result<T, HandleError>>) -> Request,
) -> Result<T, HandleError> {
    let (reply, mut answer) = oneshot::channel();
    shared.request(request(reply));
    let answered = tokio::select! {
        biased;
        // The sender is dropped unanswered if the control loop has ended in between.
        answered = &mut answer => answered.ok(),
        // A request that is sent in the instant in which the receiver is dropped stays in the
        // channel, and its sender with it.
        () = shared.link.closed() => answer.try_recv().ok(),
    };
    answered.unwrap_or_else(|| Err(HandleError::NotPlaying { path: shared.path.to_string() }))
}
