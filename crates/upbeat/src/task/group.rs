//! Several tasks under one context.

use std::{
    fmt,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context as TaskContext, Poll, Waker},
};

use parking_lot::Mutex;
use tokio::{
    sync::{AcquireError, Notify, OwnedSemaphorePermit, Semaphore},
    task::AbortHandle,
};

use super::group_error::{Aborted, Dropped, GroupError, HasEnded, TaskFailed};
use crate::{context::Context, error::BoxError, panic::catch, report::failure::Failure};

/// Several tasks under one context: the first that fails cancels the others, and nobody outlives the group.
///
/// ```
/// use upbeat::{BoxError, Context, task::Group};
///
/// # async fn fetch(_: &Context, path: &str) -> Result<usize, std::io::Error> { Ok(path.len()) }
/// async fn sizes(cx: &Context, paths: Vec<String>) -> Result<Vec<usize>, BoxError> {
///     let group = Group::new(cx).at_most(8);
///     for path in paths {
///         group.spawn(path.clone(), async move |cx| fetch(&cx, &path).await);
///     }
///     // In the order in which they were spawned.
///     Ok(group.wait().await?)
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # let sizes = sizes(&Context::background(), vec!["a".into(), "bcd".into()]).await;
/// # assert_eq!(sizes.expect("all is well"), [1, 3]);
/// # }
/// ```
///
/// # Guarantees
///
/// - The tasks get the group's own context, a [child](Context::child) of the one it was made with: done with that one, and
///   cancelled by the first failure, unless the group is to [collect all](Group::collect_all).
/// - A panic is a failure like another. No failure is lost: [`GroupError`] has all of them, the root cause first.
/// - [`wait`](Group::wait) returns when the last task is done. Dropping the group, or the future of `wait`, cancels its context and aborts
///   its tasks. Either way none is left.
/// - The tasks belong to the run, as those of [`Context::spawn`] do: they have names, and the player counts as stopped only when they
///   are gone.
/// - What has not begun when the group's context is done does not begin, and is a failure with the [reason](crate::ContextError).
///
/// # Not guaranteed
///
/// A task that has begun is told, not killed: one that does not look at its context runs to its end, and `wait` waits for it. A player
/// that is asked to stop needs a group on [`until_deadline`](Context::until_deadline) for work that must go on.
///
/// # Compared with others
///
/// - Go's `errgroup` is the model: `WithContext`, `SetLimit`, `Go`, `Wait`. It keeps the first error only, has no results, lets a panic end
///   the process, and begins also what waits for a place when it is cancelled. `sourcegraph/conc` adds results in order, all
///   errors, and panics that are passed on; so does this.
/// - [`tokio::task::JoinSet`] yields results one by one as they come, and has neither context, limit, names nor order. It too
///   aborts what is left when it is dropped. Take it where each result is used as it comes.
pub struct Group<T> {
    cx: Context,
    places: Option<Arc<Semaphore>>,
    collect_all: bool,
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    state: Mutex<State<T>>,
    /// Nothing is open any more.
    idle: Notify,
}

struct State<T> {
    /// In the order of spawning.
    slots: Vec<Slot<T>>,
    open: usize,
    /// In the order in which they happened.
    failures: Vec<Failure>,
}

enum Place {
    Has(Option<OwnedSemaphorePermit>),
    Waits(Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + Send>>),
}

impl Place {
    /// A place, or one in the queue for it: polled here once, so that tasks get theirs in the order of spawning.
    fn next(places: &Arc<Semaphore>) -> Self {
        let mut place = Box::pin(places.clone().acquire_owned());
        match place.as_mut().poll(&mut TaskContext::from_waker(Waker::noop())) {
            Poll::Ready(place) => Self::Has(place.ok()),
            Poll::Pending => Self::Waits(place),
        }
    }
}

enum Slot<T> {
    Open(Option<AbortHandle>),
    /// With its value, or without one if it failed.
    Over(Option<T>),
}

impl<T: Send + 'static> Group<T> {
    /// A group without a limit, whose context is a child of this one.
    pub fn new(cx: &Context) -> Self {
        let state = State { slots: Vec::new(), open: 0, failures: Vec::new() };
        let shared = Arc::new(Shared { state: Mutex::new(state), idle: Notify::new() });
        Self { cx: cx.child(), places: None, collect_all: false, shared }
    }

    /// Lets at most `most` tasks run at the same time, at least one. [`spawn`](Group::spawn) accepts beyond that, and what it accepts waits its
    /// turn; [`spawn_when_free`](Group::spawn_when_free) waits before it accepts.
    ///
    /// Tasks that were spawned before are not counted.
    pub fn at_most(mut self, most: usize) -> Self {
        self.places = Some(Arc::new(Semaphore::new(most.clamp(1, Semaphore::MAX_PERMITS))));
        self
    }

    /// Goes on when a task fails: all are run to their end, and all failures told.
    ///
    /// ```
    /// use upbeat::{Context, task::Group};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let group = Group::new(&Context::background()).collect_all();
    /// group.spawn("bad", async |_| "x".parse::<u8>());
    /// group.spawn("good", async |_| "7".parse::<u8>());
    /// let error = group.wait().await.expect_err("one failed");
    /// assert_eq!(error.to_string(), "1 of 2 tasks failed, the first: task `bad`: invalid digit found in string");
    /// assert_eq!(error.into_values(), [None, Some(7)]);
    /// # }
    /// ```
    pub fn collect_all(mut self) -> Self {
        self.collect_all = true;
        self
    }

    /// The group's own context, which its tasks get. Cancelling it tells them all to end.
    pub fn context(&self) -> &Context {
        &self.cx
    }

    /// Accepts a task at once; it runs when there is a place. Places go in the order of spawning.
    ///
    /// # Panics
    ///
    /// When called outside a tokio runtime.
    ///
    /// ```
    /// use upbeat::{BoxError, Context, task::Group};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), BoxError> {
    /// let group = Group::new(&Context::background());
    /// group.spawn("answer", async |_| Ok::<_, BoxError>(42));
    /// assert_eq!(group.wait().await?, [42]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn spawn<F, Fut, E>(&self, name: impl Into<Arc<str>>, work: F)
    where
        F: FnOnce(Context) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        self.accept(name.into(), None, work);
    }

    /// Waits until less than the most that may run at the same time does, and then accepts the task: back-pressure for whoever
    /// produces tasks. Without a limit it is [`spawn`](Group::spawn).
    ///
    /// When the group's context is done it waits no longer.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped the task was not accepted, and is dropped without having been begun.
    ///
    /// # Panics
    ///
    /// When polled outside a tokio runtime.
    ///
    /// ```
    /// use upbeat::{BoxError, Context, task::Group};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), BoxError> {
    /// let group = Group::new(&Context::background()).at_most(2);
    /// for i in 0..100 {
    ///     // There are never more than two in memory.
    ///     group.spawn_when_free(format!("square {i}"), async move |_| Ok::<_, BoxError>(i * i)).await;
    /// }
    /// assert_eq!(group.wait().await?.len(), 100);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn spawn_when_free<F, Fut, E>(&self, name: impl Into<Arc<str>>, work: F)
    where
        F: FnOnce(Context) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        let place = match &self.places {
            Some(places) => self.cx.unless_done(places.clone().acquire_owned()).await.ok().and_then(Result::ok),
            None => None,
        };
        self.accept(name.into(), place, work);
    }

    fn accept<F, Fut, E>(&self, name: Arc<str>, place: Option<OwnedSemaphorePermit>, work: F)
    where
        F: FnOnce(Context) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        let key = {
            let mut state = self.shared.state.lock();
            state.open += 1;
            state.slots.push(Slot::Open(None));
            state.slots.len() - 1
        };
        let ticket = Ticket {
            shared: self.shared.clone(),
            cx: (!self.collect_all).then(|| self.cx.clone()),
            key,
            name: name.clone(),
            ended: false,
        };
        let place = match (place, &self.places) {
            (None, Some(places)) => Place::next(places),
            (place, _) => Place::Has(place),
        };
        let cx = self.cx.clone();
        let task = self.cx.spawn(name, async move {
            let place = match place {
                Place::Has(place) => Ok(place),
                // The semaphore is never closed.
                Place::Waits(place) => cx.unless_done(place).await.map(Result::ok),
            };
            let result = match place.and_then(|place| cx.error().map_or(Ok(place), Err)) {
                Ok(place) => {
                    let result = run(work, cx).await;
                    drop(place);
                    result
                }
                // What it holds is gone before it counts as ended, as for those that have begun.
                Err(error) => catch(|| drop(work)).map_err(BoxError::from).and(Err(error.into())),
            };
            ticket.end(result);
        });
        // It may be over already; then there is nothing to abort.
        if let Some(Slot::Open(abort)) = self.shared.state.lock().slots.get_mut(key) {
            *abort = Some(task.abort_handle());
        }
    }

    /// Waits until all tasks are done, and returns their values in the order in which the tasks were spawned. Then the group's context is done,
    /// too.
    ///
    /// # Errors
    ///
    /// When a task failed or panicked: all failures, and the values of the others.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the group: the tasks are cancelled and aborted.
    pub async fn wait(self) -> Result<Vec<T>, GroupError<T>> {
        loop {
            // Made before the look, so that an end in between wakes it.
            let idle = self.shared.idle.notified();
            if self.shared.state.lock().open == 0 {
                break;
            }
            idle.await;
        }
        let (slots, failures) = {
            let mut state = self.shared.state.lock();
            (std::mem::take(&mut state.slots), std::mem::take(&mut state.failures))
        };
        self.cx.cancel(HasEnded);
        let values = slots.into_iter().map(|slot| match slot {
            Slot::Over(value) => value,
            Slot::Open(_) => None,
        });
        if failures.is_empty() {
            Ok(values.flatten().collect())
        } else {
            Err(GroupError::new(values.collect(), failures))
        }
    }
}

/// Runs user code to its end. Whatever of it panics is a failure, its drop included.
async fn run<T, E: Into<BoxError>, Fut: Future<Output = Result<T, E>>>(
    work: impl FnOnce(Context) -> Fut,
    cx: Context,
) -> Result<T, BoxError> {
    let made = catch(|| work(cx))?;
    let mut work = pin!(Some(made));
    let result = poll_fn(|cx| {
        let polled = catch(|| work.as_mut().as_pin_mut().map_or(Poll::Pending, |work| work.poll(cx)));
        match polled {
            Ok(polled) => polled.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    })
    .await;
    let dropped = catch(|| work.set(None));
    let value = result?.map_err(Into::into)?;
    dropped?;
    Ok(value)
}

impl<T> Drop for Group<T> {
    fn drop(&mut self) {
        self.cx.cancel(Dropped);
        let left: Vec<_> = {
            let mut state = self.shared.state.lock();
            let aborts = state.slots.iter_mut().filter_map(|slot| match slot {
                Slot::Open(abort) => abort.take(),
                Slot::Over(_) => None,
            });
            aborts.collect()
        };
        for task in left {
            task.abort();
        }
    }
}

impl<T> fmt::Debug for Group<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.state.lock();
        f.debug_struct("Group")
            .field("spawned", &state.slots.len())
            .field("open", &state.open)
            .field("failures", &state.failures.len())
            .finish_non_exhaustive()
    }
}

/// One accepted task: sees to it that its end is noticed, whatever ends it.
struct Ticket<T> {
    shared: Arc<Shared<T>>,
    /// What a failure cancels.
    cx: Option<Context>,
    key: usize,
    name: Arc<str>,
    ended: bool,
}

impl<T> Ticket<T> {
    fn end(mut self, result: Result<T, BoxError>) {
        self.ended = true;
        self.note(result);
    }

    fn note(&self, result: Result<T, BoxError>) {
        let (value, failure) = match result {
            Ok(value) => (Some(value), None),
            Err(error) => {
                let error = Arc::from(error);
                (None, Some(Failure { attempt: 0, task: Some(self.name.clone()), error }))
            }
        };
        let mut state = self.shared.state.lock();
        // In the list before the others are told, so that theirs come behind it.
        state.failures.extend(failure.clone());
        drop(state);
        if let (Some(failure), Some(cx)) = (failure, &self.cx) {
            cx.cancel(TaskFailed(failure));
        }
        let mut state = self.shared.state.lock();
        let abort = std::mem::replace(&mut state.slots[self.key], Slot::Over(value));
        state.open -= 1;
        let idle = state.open == 0;
        drop(state);
        drop(abort);
        if idle {
            self.shared.idle.notify_waiters();
        }
    }
}

impl<T> Drop for Ticket<T> {
    fn drop(&mut self) {
        if !self.ended {
            self.note(Err(Aborted.into()));
        }
    }
}
