//! A value that is held until a response was sent.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

pin_project! {
    /// A body that holds a value until it and its chunks are dropped.
    ///
    /// A server drops a body once it has the last chunk of it. It drops a chunk once that was sent.
    pub(super) struct HoldingBody<B, T> {
        #[pin]
        body: B,
        held: Arc<T>,
    }
}

impl<B, T> HoldingBody<B, T> {
    pub(super) fn new(body: B, held: T) -> Self {
        Self { body, held: Arc::new(held) }
    }
}

impl<B, T> Body for HoldingBody<B, T>
where
    B: Body<Data = Bytes>,
    T: Send + Sync + 'static,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        let hold = |bytes: Bytes| {
            if bytes.is_empty() {
                return bytes;
            }
            Bytes::from_owner(HoldingBytes { bytes, _held: this.held.clone() })
        };
        this.body.poll_frame(cx).map(|frame| frame.map(|frame| frame.map(|frame| frame.map_data(hold))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Bytes that hold a value until they are dropped.
struct HoldingBytes<T> {
    bytes: Bytes,
    _held: Arc<T>,
}

impl<T> AsRef<[u8]> for HoldingBytes<T> {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}
