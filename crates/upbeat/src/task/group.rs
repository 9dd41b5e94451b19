//! Several tasks under one context.

use std::{
    fmt,
    future::Future,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context as TaskContext, Poll, Waker},
};

use parking_lot::Mutex;
use tokio::{
    sync::{AcquireError, Notify, OwnedSemaphorePermit, Semaphore},
    task::AbortHandle,
};

use super::group_error::{Aborted, GroupDropped, GroupEnded, GroupError, TaskFailed};
use crate::{
    context::Context,
    error::BoxError,
    panic::{CatchPanic, catch},
    report::failure::Failure,
};

/// Several tasks under one context. The first failure cancels the others, and no task outlives the
/// group.
///
/// ```
/// use upbeat::{BoxError, Context, task::Group};
///
/// # async fn fetch(_: &Context, path: &str) -> Result<usize, std::io::Error> { Ok(path.len()) }
/// async fn sizes(cx: &Context, paths: Vec<String>) -> Result<Vec<usize>, BoxError> {
///     let group = Group::new(cx).max_tasks(8);
///     for path in paths {
///         group.spawn(path.clone(), async move |cx| fetch(&cx, &path).await);
///     }
///     // In the order in which they were spawned.
///     Ok(group.wait().await?)
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # let sizes = sizes(&Context::background(), vec!["a".into(), "bcd".into()]).await;
/// # assert_eq!(sizes.expect("no task fails"), [1, 3]);
/// # }
/// ```
///
/// # Guarantees
///
/// - The tasks share the context of the group, a [child](Context::child) of the one it was made
///   with. It is done if that one is. The first failure cancels it too, unless the group [collects
///   all failures](Group::collect_all).
/// - A panic is a failure. No failure is lost: [`GroupError`] has all of them, the root cause
///   first.
/// - [`wait`](Group::wait) returns when the last task has ended. If the group or the future of
///   `wait` is dropped, its context is cancelled and its tasks are aborted.
/// - The tasks belong to the run, like those of [`Context::spawn`]. They have names, and the player
///   counts as stopped only when they have ended.
/// - A task that has not begun when the context of the group is done does not begin. It is a
///   failure with the [reason](crate::ContextError).
/// - A task that has ended leaves its value and its failure behind, and nothing else. For values
///   without a size, such as `()`, a group in which tasks come and go for ever does not grow.
///
/// # Not guaranteed
///
/// A running task is cancelled cooperatively, not aborted. A task that ignores its context runs to
/// its end, and `wait` waits for it. A player that is asked to stop needs a group on
/// [`until_deadline`](Context::until_deadline) for work that must continue.
///
/// # Compared with others
///
/// - Go's `errgroup` is the model: `WithContext`, `SetLimit`, `Go`, `Wait`. It keeps only the first
///   error, has no results, lets a panic end the process, and after a cancellation still begins
///   tasks that wait for a slot. `sourcegraph/conc` adds ordered results, all errors, and panics as
///   errors.
/// - [`tokio::task::JoinSet`] yields results one by one as tasks end. It has no context, limit,
///   names or order. It also aborts its tasks when it is dropped. It fits where each result is used
///   as it comes.
pub struct Group<T> {
    cx: Context,
    permits: Option<Arc<Semaphore>>,
    collect_all: bool,
    inner: Arc<Inner<T>>,
}

struct Inner<T> {
    state: Mutex<State<T>>,
    /// Notified when the last open task has ended.
    idle: Notify,
}

struct State<T> {
    /// The number of tasks that were spawned so far, which is the number of the next one.
    spawned: usize,
    /// The tasks that have not ended. A slot is used again, so they take the memory of as many
    /// tasks as there were at the same time.
    open: Vec<Option<OpenTask>>,
    free: Vec<usize>,
    /// The values of the tasks that have ended, by their number. Empty for values without a size.
    values: Vec<Option<T>>,
    /// The values without a size. They need no memory, and their order means nothing.
    units: Vec<T>,
    /// In the order in which they happened, with the numbers of the tasks.
    failures: Vec<(usize, Failure)>,
}

struct OpenTask {
    number: usize,
    abort: Option<AbortHandle>,
}

impl<T> State<T> {
    fn new() -> Self {
        Self {
            spawned: 0,
            open: Vec::new(),
            free: Vec::new(),
            values: Vec::new(),
            units: Vec::new(),
            failures: Vec::new(),
        }
    }

    /// Enters a task, and returns its number and its slot.
    fn enter(&mut self) -> (usize, usize) {
        let number = self.spawned;
        self.spawned += 1;
        let task = Some(OpenTask { number, abort: None });
        let slot = self.free.pop().unwrap_or(self.open.len());
        if slot == self.open.len() {
            self.open.push(task);
        } else {
            self.open[slot] = task;
        }
        (number, slot)
    }

    fn set_value(&mut self, number: usize, value: T) {
        if size_of::<T>() == 0 {
            self.units.push(value);
            return;
        }
        if self.values.len() <= number {
            self.values.resize_with(number + 1, || None);
        }
        self.values[number] = Some(value);
    }

    /// Leaves the slot of a task that has ended.
    fn leave(&mut self, slot: usize) -> Option<OpenTask> {
        self.free.push(slot);
        self.open[slot].take()
    }

    fn is_idle(&self) -> bool {
        self.free.len() == self.open.len()
    }

    /// Returns the values in the order of spawning, with a gap for each failed task.
    fn take_values(&mut self) -> Vec<Option<T>> {
        let mut values = std::mem::take(&mut self.values);
        values.resize_with(self.spawned, || None);
        if size_of::<T>() == 0 {
            let mut failed = vec![false; self.spawned];
            self.failures.iter().for_each(|(number, _)| failed[*number] = true);
            let mut units = std::mem::take(&mut self.units).into_iter();
            for (value, _) in values.iter_mut().zip(failed).filter(|(_, failed)| !failed) {
                *value = units.next();
            }
        }
        values
    }
}

/// The permit of a task to run, or its position in the queue for one.
enum RunPermit {
    Held(Option<OwnedSemaphorePermit>),
    Queued(Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + Send>>),
}

impl RunPermit {
    /// Takes a permit, or a position in the queue. The future is polled once here, so that permits
    /// are granted in the order of spawning.
    fn request(permits: &Arc<Semaphore>) -> Self {
        let mut permit = Box::pin(permits.clone().acquire_owned());
        match permit.as_mut().poll(&mut TaskContext::from_waker(Waker::noop())) {
            Poll::Ready(permit) => Self::Held(permit.ok()),
            Poll::Pending => Self::Queued(permit),
        }
    }
}

impl<T: Send + 'static> Group<T> {
    /// Returns a group without a limit, whose context is a child of `cx`.
    pub fn new(cx: &Context) -> Self {
        let inner = Arc::new(Inner { state: Mutex::new(State::new()), idle: Notify::new() });
        Self { cx: cx.child(), permits: None, collect_all: false, inner }
    }

    /// Sets how many tasks may run at the same time, at least one. Default: no limit.
    ///
    /// [`spawn`](Group::spawn) accepts more tasks, which wait for a permit.
    /// [`reserve`](Group::reserve) waits before a task is accepted. Tasks that were spawned before
    /// this call are not counted.
    pub fn max_tasks(mut self, max: usize) -> Self {
        self.permits = Some(Arc::new(Semaphore::new(max.clamp(1, Semaphore::MAX_PERMITS))));
        self
    }

    /// Continues after a failure: all tasks run to their end, and all failures are collected.
    ///
    /// ```
    /// use upbeat::{Context, task::Group};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let group = Group::new(&Context::background()).collect_all();
    /// group.spawn("bad", async |_| "x".parse::<u8>());
    /// group.spawn("good", async |_| "7".parse::<u8>());
    /// let error = group.wait().await.expect_err("one task fails");
    /// assert_eq!(error.to_string(), "1 of 2 tasks failed, first: task `bad`");
    /// assert_eq!(error.into_values(), [None, Some(7)]);
    /// # }
    /// ```
    pub fn collect_all(mut self) -> Self {
        self.collect_all = true;
        self
    }

    /// Returns the context of the group, which its tasks share. Cancelling it cancels them all.
    pub fn context(&self) -> &Context {
        &self.cx
    }

    /// Accepts a task at once. It runs when there is a permit. Permits are granted in the order of
    /// spawning.
    ///
    /// # Panics
    ///
    /// If called outside a tokio runtime.
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

    /// Waits for a permit to run a task: back-pressure for a producer of tasks.
    ///
    /// Without a limit it returns at once. If the context of the group is done it waits no longer.
    /// A task that is then spawned does not begin.
    ///
    /// A task of the group that waits here for a permit holds its own. Once all tasks do, none ends
    /// before the context of the group is done. Such a task uses [`spawn`](Group::spawn), which
    /// does not wait, or a group of its own.
    ///
    /// A future that was polled once and is kept without being polled, as a branch of `select!` may
    /// be, holds the permit that it gets, so others wait for it. Poll it to its end or drop it.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, no permit is taken, and the position in the queue is lost.
    ///
    /// ```
    /// use upbeat::{BoxError, Context, task::Group};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), BoxError> {
    /// let group = Group::new(&Context::background()).max_tasks(2);
    /// for i in 0..100 {
    ///     // There are never more than two tasks in memory.
    ///     let square = async move |_| Ok::<_, BoxError>(i * i);
    ///     group.reserve().await.spawn(format!("square {i}"), square);
    /// }
    /// assert_eq!(group.wait().await?.len(), 100);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn reserve(&self) -> GroupPermit<'_, T> {
        let permit = match &self.permits {
            Some(permits) => self.cx.unless_done(permits.clone().acquire_owned()).await.ok().and_then(Result::ok),
            None => None,
        };
        GroupPermit { group: self, permit }
    }

    fn accept<F, Fut, E>(&self, name: Arc<str>, permit: Option<OwnedSemaphorePermit>, work: F)
    where
        F: FnOnce(Context) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        let (number, slot) = self.inner.state.lock().enter();
        let guard = CompletionGuard {
            inner: self.inner.clone(),
            cx: (!self.collect_all).then(|| self.cx.clone()),
            number,
            slot,
            name: name.clone(),
            ended: false,
        };
        let permit = match (permit, &self.permits) {
            (None, Some(permits)) => RunPermit::request(permits),
            (permit, _) => RunPermit::Held(permit),
        };
        let cx = self.cx.clone();
        let task = self.cx.spawn(name, async move {
            let permit = match permit {
                RunPermit::Held(permit) => Ok(permit),
                // The semaphore is never closed.
                RunPermit::Queued(permit) => cx.unless_done(permit).await.map(Result::ok),
            };
            let result = match permit.and_then(|permit| cx.error().map_or(Ok(permit), Err)) {
                Ok(permit) => {
                    let result = run(work, cx).await;
                    drop(permit);
                    result
                }
                // Its captures are dropped before it counts as ended, like those of a task that
                // ran.
                Err(error) => catch(|| drop(work)).map_err(BoxError::from).and(Err(error.into())),
            };
            guard.end(result);
        });
        // If the task has ended already, there is nothing to abort, and its slot may be another's.
        let mut state = self.inner.state.lock();
        if let Some(open) = state.open[slot].as_mut().filter(|open| open.number == number) {
            open.abort = Some(task.abort_handle());
        }
    }

    /// Waits until all tasks have ended, and returns their values in the order of spawning. The
    /// context of the group is done afterwards.
    ///
    /// # Errors
    ///
    /// If a task failed or panicked: all failures, and the values of the other tasks.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, so is the group: the tasks are cancelled and aborted.
    pub async fn wait(self) -> Result<Vec<T>, GroupError<T>> {
        loop {
            // Registered before the check, so that an end in between wakes it.
            let idle = self.inner.idle.notified();
            if self.inner.state.lock().is_idle() {
                break;
            }
            idle.await;
        }
        let mut state = std::mem::replace(&mut *self.inner.state.lock(), State::new());
        self.cx.cancel(GroupEnded);
        if state.failures.is_empty() {
            // At most one of the two has values.
            let values = state.values.into_iter().flatten();
            return Ok(values.chain(state.units).collect());
        }
        let values = state.take_values();
        Err(GroupError::new(values, state.failures.into_iter().map(|(_, failure)| failure).collect()))
    }
}

/// Runs a task to its end. A panic of `work`, of a poll or of the drop of the future is a failure.
async fn run<T, E: Into<BoxError>, Fut: Future<Output = Result<T, E>>>(
    work: impl FnOnce(Context) -> Fut,
    cx: Context,
) -> Result<T, BoxError> {
    let mut future = pin!(CatchPanic::empty());
    future.as_mut().fill(|| work(cx))?;
    future.await?.map_err(Into::into)
}

impl<T> Drop for Group<T> {
    fn drop(&mut self) {
        self.cx.cancel(GroupDropped);
        let open: Vec<_> = {
            let mut state = self.inner.state.lock();
            state.open.iter_mut().flatten().filter_map(|open| open.abort.take()).collect()
        };
        for task in open {
            task.abort();
        }
    }
}

impl<T> fmt::Debug for Group<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.inner.state.lock();
        f.debug_struct("Group")
            .field("spawned", &state.spawned)
            .field("open", &(state.open.len() - state.free.len()))
            .field("failures", &state.failures.len())
            .finish_non_exhaustive()
    }
}

/// A permit to run one task in a [`Group`], from [`Group::reserve`]. If it is dropped, it is free
/// again.
#[must_use = "the permit is free again when this is dropped"]
pub struct GroupPermit<'a, T> {
    group: &'a Group<T>,
    permit: Option<OwnedSemaphorePermit>,
}

impl<T: Send + 'static> GroupPermit<'_, T> {
    /// Accepts a task. It runs at once with this permit, like one of [`Group::spawn`].
    ///
    /// # Panics
    ///
    /// If called outside a tokio runtime.
    pub fn spawn<F, Fut, E>(self, name: impl Into<Arc<str>>, work: F)
    where
        F: FnOnce(Context) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        self.group.accept(name.into(), self.permit, work);
    }
}

impl<T> fmt::Debug for GroupPermit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupPermit").finish_non_exhaustive()
    }
}

/// Records the end of one accepted task, whatever ends it.
struct CompletionGuard<T> {
    inner: Arc<Inner<T>>,
    /// The context that a failure cancels.
    cx: Option<Context>,
    number: usize,
    slot: usize,
    name: Arc<str>,
    ended: bool,
}

impl<T> CompletionGuard<T> {
    fn end(mut self, result: Result<T, BoxError>) {
        self.ended = true;
        self.record(result);
    }

    fn record(&self, result: Result<T, BoxError>) {
        let (value, failure) = match result {
            Ok(value) => (Some(value), None),
            Err(error) => {
                let error = Arc::from(error);
                (None, Some(Failure { attempt: 0, task: Some(self.name.clone()), error }))
            }
        };
        let mut state = self.inner.state.lock();
        // Recorded before the others are cancelled, so that their failures follow it.
        state.failures.extend(failure.clone().map(|failure| (self.number, failure)));
        drop(state);
        if let (Some(failure), Some(cx)) = (failure, &self.cx) {
            cx.cancel(TaskFailed(failure));
        }
        let mut state = self.inner.state.lock();
        if let Some(value) = value {
            state.set_value(self.number, value);
        }
        let left = state.leave(self.slot);
        let idle = state.is_idle();
        drop(state);
        drop(left);
        if idle {
            self.inner.idle.notify_waiters();
        }
    }
}

impl<T> Drop for CompletionGuard<T> {
    fn drop(&mut self) {
        if !self.ended {
            self.record(Err(Aborted.into()));
        }
    }
}
