//! The function that runs jobs.

use std::future::Future;

/// The function that runs a job: an async function of the worker's state and the job.
///
/// It is implemented for `async fn(&mut S, J) -> R`, and for `async |state: &mut S, job: J| ..`
/// that captures nothing by reference. A plain closure may capture, but its future cannot borrow
/// the state. It is never implemented by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot run the jobs of a pool",
    label = "not an `async |state: &mut S, job: J| -> R` that can be called repeatedly",
    note = "the types of both arguments have to be written, as in `async |state: &mut S, job: J| ..`",
    note = "the future of an async closure borrows its captures: put what all jobs need into the worker state"
)]
pub trait Work<'a, S: 'a, J>: Send + Sync + 'static {
    /// The reply to a job.
    type Reply;
    /// The future of a job.
    type Future: Future<Output = Self::Reply> + Send + 'a;

    /// Runs a job.
    fn call(&self, state: &'a mut S, job: J) -> Self::Future;
}

impl<'a, S: 'a, J, F, Fut> Work<'a, S, J> for F
where
    F: Fn(&'a mut S, J) -> Fut + Send + Sync + 'static,
    Fut: Future + Send + 'a,
{
    type Reply = Fut::Output;
    type Future = Fut;

    fn call(&self, state: &'a mut S, job: J) -> Fut {
        self(state, job)
    }
}
