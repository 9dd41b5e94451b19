//! The error of a group.

use std::{error::Error as StdError, fmt};

use crate::{error::sources, report::failure::Failure, stop_cause::StopCause};

/// The error of a [`Group`](crate::task::Group): some tasks failed or panicked.
///
/// Its source is the error of the first failed task, the root cause. If the run was asked to stop,
/// tasks that only report this stop come after the others there. All failures are in
/// [`failures`](GroupError::failures).
///
/// ```
/// use std::error::Error;
/// use upbeat::{BoxError, Context, task::Group};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let group = Group::<()>::new(&Context::background());
/// group.spawn("mail", async |_| Err(BoxError::from("no route")));
/// group.spawn("push", async |cx| Err(cx.done().await));
/// let error = group.wait().await.expect_err("both fail");
/// assert_eq!(error.to_string(), "2 of 2 tasks failed, first: task `mail`");
/// assert_eq!(error.source().map(ToString::to_string), Some("no route".to_owned()));
/// let second = error.failures()[1].to_string();
/// assert_eq!(second, "task `push`: canceled: task `mail` failed: no route");
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

    /// Returns all failures in the order in which they happened, the root cause first.
    ///
    /// [`Failure::task`] is the name of the task, and [`Failure::panic`] its panic. Never empty.
    pub fn failures(&self) -> &[Failure] {
        &self.failures
    }

    /// Returns the first failure that is more than the report of a stop of the run.
    fn first(&self) -> Option<&Failure> {
        let is_more = |failure: &&Failure| !sources(&*failure.error).any(<dyn StdError>::is::<StopCause>);
        self.failures.iter().find(is_more).or(self.failures.first())
    }

    /// Returns the values in the order of spawning, and `None` for each failed task.
    pub fn values(&self) -> &[Option<T>] {
        &self.values
    }

    /// Returns the values in the order of spawning, and `None` for each failed task.
    pub fn into_values(self) -> Vec<Option<T>> {
        self.values
    }
}

impl<T> fmt::Display for GroupError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} tasks failed", self.failures.len(), self.values.len())?;
        match self.first().and_then(|first| first.task.as_deref()) {
            Some(first) => write!(f, ", first: task `{first}`"),
            None => Ok(()),
        }
    }
}

// Not derived, as a value need not be `Debug`.
impl<T> fmt::Debug for GroupError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupError").field("failures", &self.failures).finish_non_exhaustive()
    }
}

impl<T> StdError for GroupError<T> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.first()?.error)
    }
}

/// The cause of a done group context: a task failed.
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

/// The cause of a done group context: all tasks have ended.
#[derive(Debug, thiserror::Error)]
#[error("the group has ended")]
pub(crate) struct GroupEnded;

/// The cause of a done group context: the group was dropped.
#[derive(Debug, thiserror::Error)]
#[error("the group was dropped")]
pub(crate) struct GroupDropped;

/// The failure of a task that was aborted from outside, with its run.
#[derive(Debug, thiserror::Error)]
#[error("aborted")]
pub(crate) struct Aborted;
