//! Operating a conductor from outside, while it plays.

use std::{any::Any, sync::Arc};

use tokio::sync::oneshot;

use crate::{
    player::{SharedPlayers, part::Part},
    report::player::PlayerReport,
    run::current::CurrentRun,
    snapshot::player::PlayerState,
    stop_cause::StopCause,
    supervisor::{
        control::Control,
        request::{HandleError, Request},
        state::Supervisor,
    },
    tree::{node::Node, overview::Overview},
};

/// Operates a conductor from outside: stops it, adds, removes, restarts and stops its parts, and
/// watches their states. A cheap clone.
///
/// From [`Conductor::handle`](crate::Conductor::handle) of the outermost conductor. Paths may be
/// full (`shop/api/http`) or begin below the outermost conductor (`api/http`).
///
/// Players may use it too. Of the requests that they can send, only [`PartHandle::stop`] and
/// [`PartHandle::remove`] wait for the end of a part, and these [fail for the own
/// part](PartHandle#a-player-that-stops-itself).
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
/// handle.part("orders").restart().await?;
/// let mails = handle.part("mails").remove().await?;
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

    /// Returns a handle to the part at `path`, which need not exist yet.
    ///
    /// Its requests find the part when they are made.
    pub fn part(&self, path: &str) -> PartHandle {
        PartHandle { control: self.control.clone(), path: full_path(&self.control, path) }
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
        let supervisor = self.control.playing().ok_or(HandleError::NotPlaying { path })?;
        add(&supervisor, part).await
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
        let path = full_path(&self.control, conductor);
        let supervisor = find(&self.control, &path).ok_or(HandleError::Unknown { path })?;
        add(&supervisor, part).await
    }
}

/// A handle to one part of a conductor that plays: stops, restarts or removes it. A cheap clone.
///
/// From [`Handle::part`]. The part is found by its path at each request.
///
/// # A player that stops itself
///
/// [`stop`](PartHandle::stop) and [`remove`](PartHandle::remove) wait for the end of the part. A
/// task of that part, or of a player inside it if it is a conductor, would wait for its own end. So
/// such a call fails at once with [`HandleError::OwnEnd`], and requests nothing. It is made from a
/// task that belongs to no run:
///
/// ```
/// use upbeat::{BoxError, Conductor, Context, Handle, HandleError, Part, with};
///
/// async fn import(handle: Handle, cx: Context) -> Result<(), BoxError> {
///     let own = handle.part(cx.path());
///     assert!(matches!(own.remove().await, Err(HandleError::OwnEnd { .. })));
///     // When it has nothing more to do:
///     tokio::spawn(async move { own.remove().await });
///     cx.stopping().await;
///     Ok(())
/// }
///
/// # async fn web(cx: Context) -> Result<(), BoxError> { cx.stopping().await; Ok(()) }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), BoxError> {
/// let shop = Conductor::new("shop").player("web", web);
/// let handle = shop.handle();
/// let playing = tokio::spawn(shop.play_until(std::future::pending()));
/// handle.overview().wait_ready().await;
///
/// handle.add(Part::new("import", with(handle.clone(), import))).await?;
/// handle.overview().wait_for(|now| now.player("shop/import").is_none()).await;
/// handle.stop();
/// assert!(playing.await?.is_clean());
/// # Ok(())
/// # }
/// ```
///
/// The tasks of a run are the player itself, the tasks of [`Context::spawn`](crate::Context::spawn)
/// and of a [`Group`](crate::task::Group), and the handlers of a server. Other waits are not
/// recognized: those of a task of `tokio::spawn` or of a thread that the player waits for in turn,
/// and of a player that waits for a task of the caller. They last until the stop deadline of the
/// part.
///
/// # Example
///
/// ```
/// use upbeat::{Conductor, Context, diagnostics::PlayerState};
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
/// handle.overview().wait_ready().await;
///
/// let orders = handle.part("orders");
/// assert_eq!(orders.state(), Some(PlayerState::Ready));
/// orders.restart().await?;
/// assert!(orders.stop().await?.is_clean());
/// # assert!(playing.await?.is_clean());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct PartHandle {
    control: Arc<Control>,
    /// The full path.
    path: String,
}

impl PartHandle {
    /// Returns the full path of the part.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the state of the player; `None` if there is no such part, or nothing plays.
    pub fn state(&self) -> Option<PlayerState> {
        let overview = Overview::new(self.control.tree().clone());
        Some(overview.snapshot().player(&self.path)?.state.clone())
    }

    /// Stops the part for good and waits until it has ended. Whatever its policy, only
    /// [`restart`](PartHandle::restart) starts it again.
    ///
    /// # Errors
    ///
    /// If there is no such part, nothing plays, or [the caller belongs to the
    /// part](PartHandle#a-player-that-stops-itself).
    ///
    /// # Cancel safety
    ///
    /// The request holds even if the future is dropped once it was polled.
    pub async fn stop(&self) -> Result<PlayerReport, HandleError> {
        let (supervisor, name) = self.find_other()?;
        send_request(&supervisor, |reply| Request::Stop { name, reply }).await
    }

    /// Starts the part again. If it plays, it is stopped first. The restart counts towards no
    /// limit. Waits only until the request is accepted.
    ///
    /// # Errors
    ///
    /// If there is no such part, everything is stopping, or the part can be played only once.
    ///
    /// # Cancel safety
    ///
    /// The request holds even if the future is dropped once it was polled.
    pub async fn restart(&self) -> Result<(), HandleError> {
        let (supervisor, name) = self.find()?;
        send_request(&supervisor, |reply| Request::Restart { name, reply }).await
    }

    /// Stops the part, removes it, and returns its report. The report of the whole does not contain
    /// it. Its name can be used again.
    ///
    /// # Errors
    ///
    /// If there is no such part, others depend on it, or [the caller belongs to the
    /// part](PartHandle#a-player-that-stops-itself).
    ///
    /// # Cancel safety
    ///
    /// The request holds even if the future is dropped once it was polled.
    pub async fn remove(&self) -> Result<PlayerReport, HandleError> {
        let (supervisor, name) = self.find_other()?;
        send_request(&supervisor, |reply| Request::Remove { name, reply }).await
    }

    /// Returns as [`find`](Self::find), for a caller that waits for the end of the part.
    ///
    /// # Errors
    ///
    /// If the caller belongs to the part, or to a player inside it.
    fn find_other(&self) -> Result<(Arc<Supervisor>, String), HandleError> {
        let (supervisor, name) = self.find()?;
        let Some(caller) = CurrentRun::get() else { return Ok((supervisor, name)) };
        let inside = |conductor: Arc<Supervisor>| {
            let below = conductor.path.strip_prefix(&*self.path);
            below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) && conductor.plays(None, caller)
        };
        let tree = self.control.tree();
        let is_own = supervisor.plays(Some(&name), caller)
            || tree.find(&self.path).is_some() && tree.all().into_iter().filter_map(supervisor_of).any(inside);
        if is_own { Err(HandleError::OwnEnd { path: self.path.clone() }) } else { Ok((supervisor, name)) }
    }

    /// Returns the conductor of the part, and the part's name.
    fn find(&self) -> Result<(Arc<Supervisor>, String), HandleError> {
        if self.control.playing().is_none() {
            return Err(HandleError::NotPlaying { path: self.control.tree().root_path().to_string() });
        }
        let found = self.path.rsplit_once('/').and_then(|(conductor, name)| {
            let supervisor = find(&self.control, conductor)?;
            Some((supervisor, name.to_owned()))
        });
        found.ok_or_else(|| HandleError::Unknown { path: self.path.clone() })
    }
}

/// Returns the path with the outermost conductor, which callers may leave out.
fn full_path(control: &Control, path: &str) -> String {
    let root = control.tree().root_path();
    match path.strip_prefix(&**root) {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => path.to_owned(),
        _ => format!("{root}/{path}"),
    }
}

/// Returns the conductor that plays at this path.
fn find(control: &Control, path: &str) -> Option<Arc<Supervisor>> {
    supervisor_of(control.tree().find(path)?)
}

fn supervisor_of(node: Arc<dyn Node>) -> Option<Arc<Supervisor>> {
    let node: Arc<dyn Any + Send + Sync> = node;
    node.downcast().ok()
}

async fn add(supervisor: &Supervisor, part: Part) -> Result<(), HandleError> {
    let mut shared = SharedPlayers::below(&supervisor.path);
    shared.part(part.name(), |shared| part.player.list_shared(shared));
    let shared = shared.into_players();
    send_request(supervisor, |reply| Request::Add { part, shared, reply }).await
}

async fn send_request<T>(
    supervisor: &Supervisor,
    request: impl FnOnce(oneshot::Sender<Result<T, HandleError>>) -> Request,
) -> Result<T, HandleError> {
    let (reply, mut answer) = oneshot::channel();
    supervisor.request(request(reply));
    let answered = tokio::select! {
        biased;
        // The sender is dropped unanswered if the control loop has ended in between.
        answered = &mut answer => answered.ok(),
        // A request that is sent in the instant in which the receiver is dropped stays in the
        // channel, and its sender with it.
        () = supervisor.closed() => answer.try_recv().ok(),
    };
    answered.unwrap_or_else(|| Err(HandleError::NotPlaying { path: supervisor.path.to_string() }))
}
