//! The two functions that a pool is made of.

use std::future::Future;

/// What a worker does with a job: an async function of its state and the job.
///
/// Implemented for `async fn(&mut S, J) -> R` and for `async |state: &mut S, job: J| ..` that captures nothing by reference; a plain closure may
/// capture, and returns a future that does not borrow the state. It is never implemented by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the work of a pool's workers",
    label = "not an `async |state: &mut S, job: J| -> R` that can be called again and again",
    note = "the types of both arguments have to be written, as in `async |state: &mut S, job: J| ..`",
    note = "an async closure that captures would lend to its future: what all jobs need goes into the state that the factory builds"
)]
pub trait Work<'a, S: 'a, J>: Send + Sync + 'static {
    /// The reply.
    type Reply;
    #[doc(hidden)]
    type Future: Future<Output = Self::Reply> + Send + 'a;

    #[doc(hidden)]
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
