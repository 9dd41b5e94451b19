//! The causes with which the context of a request ends.

/// The cause of a request's context if the client left before it had the whole response.
///
/// The context's error is a [`ContextError::Canceled`](upbeat::ContextError::Canceled):
///
/// ```
/// use upbeat::ContextError;
/// use upbeat_http::ClientGone;
///
/// fn client_is_gone(error: &ContextError) -> bool {
///     matches!(error, ContextError::Canceled { cause } if cause.is::<ClientGone>())
/// }
/// # assert!(!client_is_gone(&ContextError::DeadlineExceeded));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("client disconnected")]
#[non_exhaustive]
pub struct ClientGone;

/// The cause of a request's context once the response is complete.
#[derive(Debug, thiserror::Error)]
#[error("request completed")]
pub(crate) struct RequestEnded;

/// The cause of the contexts of all requests of a server that ends.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServerEnded {
    #[error("drain deadline exceeded")]
    DrainDeadline,
    #[error("server aborted")]
    Aborted,
}
