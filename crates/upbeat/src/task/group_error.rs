//! What became of a group some of whose tasks failed.

use std::{error::Error as StdError, fmt};

use crate::report::failure::Failure;

/// Some tasks of a [`Group`](crate::task::Group) failed or panicked.
///
/// Its `Display` is one line, with the root cause, which is the source, too. What the others say is in
/// [`failures`](GroupError::failures).
///
/// ```
/// use upbeat::{BoxError, Context, task::Group};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let group = Group::<()>::new(&Context::background());
/// group.spawn("mail", async |_| Err(BoxError::from("no route")));
/// group.spawn("push", async |cx| Err(cx.done().await));
/// let error = group.wait().await.expect_err("both fail");
/// assert_eq!(error.to_string(), "2 of 2 tasks failed, the first: task `mail`: no route");
/// assert_eq!(error.failures()[1].to_string(), "task `push`: canceled: task `mail` failed: no route");
/// # }
/// ```
pub struct GroupError<T> {
    values: Vec<Option<T>>,
    failures: Vec<Failure>,
}

impl<T> GroupError<T> {
    pub(crate) fn new(values: Vec<Option<T>>, failures: Vec<Failure>) -> Self {
        Self { values, failures }
    }

    /// All failures in the order in which they happened, the root cause first. [`Failure::task`] is the name, and
    /// [`Failure::panic`] the panic, if it was one. Never empty.
    pub fn failures(&self) -> &[Failure] {
        &self.failures
    }

    /// In the order of spawning, the values of those that did succeed, and `None` for those that failed.
    pub fn values(&self) -> &[Option<T>] {
        &self.values
    }

    /// In the order of spawning, the values of those that did succeed, and `None` for those that failed.
    pub fn into_values(self) -> Vec<Option<T>> {
        self.values
    }
}

impl<T> fmt::Display for GroupError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} tasks failed", self.failures.len(), self.values.len())?;
        match self.failures.first() {
            Some(first) => write!(f, ", the first: {first}"),
            None => Ok(()),
        }
    }
}

// By hand, as a value need not be `Debug`.
impl<T> fmt::Debug for GroupError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupError").field("failures", &self.failures).finish_non_exhaustive()
    }
}

impl<T> StdError for GroupError<T> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.failures.first()?.error)
    }
}

/// Why a group's context is done: a task failed.
#[derive(Debug)]
pub(crate) struct TaskFailed(pub(crate) Failure);

impl fmt::Display for TaskFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task `{}` failed", self.0.task.as_deref().unwrap_or_default())
    }
}

impl StdError for TaskFailed {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.0.error)
    }
}

/// Why a group's context is done: all its tasks are.
#[derive(Debug, thiserror::Error)]
#[error("the group has ended")]
pub(crate) struct HasEnded;

/// Why a group's context is done: nobody waits for it any more.
#[derive(Debug, thiserror::Error)]
#[error("the group was dropped")]
pub(crate) struct Dropped;

/// A task was aborted from outside: with its run.
#[derive(Debug, thiserror::Error)]
#[error("aborted")]
pub(crate) struct Aborted;
