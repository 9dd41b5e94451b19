//! The tests of Go's package `context`: `x_test.go`, `context_test.go`, `afterfunc_test.go`.

mod cancellation;
mod causes;
mod functions;
mod layers;
mod promises;

use std::{
    error::Error as _,
    future::Future,
    pin::pin,
    task::{Context as TaskContext, Waker},
    time::Duration,
};

use peers::S;
use tokio::time::timeout;
use upbeat::{Context, ContextError};

const VERY_LONG: Duration = Duration::from_hours(1000);

/// Returns whether a context is done, as `select { case <-c.Done(): default: }` in Go.
fn is_done(cx: &Context) -> bool {
    let polled = pin!(cx.done()).poll(&mut TaskContext::from_waker(Waker::noop()));
    assert_eq!(polled.is_ready(), cx.error().is_some());
    polled.is_ready()
}

fn canceled(cx: &Context) -> bool {
    is_done(cx) && matches!(cx.error(), Some(ContextError::Canceled { .. }))
}

fn exceeded(cx: &Context) -> bool {
    is_done(cx) && matches!(cx.error(), Some(ContextError::DeadlineExceeded))
}

/// Returns the text of its error, and that of the cause.
fn error_and_cause(cx: &Context) -> (Option<String>, Option<String>) {
    let error = cx.error();
    let cause = error.as_ref().and_then(|error| Some(error.source()?.to_string()));
    (error.map(|error| error.to_string()), cause)
}

async fn times_out(cx: &Context) {
    timeout(S, cx.done()).await.expect("it times out");
    assert!(exceeded(cx));
}
