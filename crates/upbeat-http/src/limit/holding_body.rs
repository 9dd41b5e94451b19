//! A value that is held until a response was sent.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

pin_project! {
    /// A body that holds a value until it is dropped.
    pub(super) struct HoldingBody<B, T> {
        #[pin]
        body: B,
        _held: T,
    }
}

impl<B, T> HoldingBody<B, T> {
    pub(super) fn new(body: B, held: T) -> Self {
        Self { body, _held: held }
    }
}

impl<B: Body, T> Body for HoldingBody<B, T> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.project().body.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
