use std::{
    any::Any,
    io::IoSlice,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use upbeat::BoxError;

use super::conn::Ticket;
use crate::text::panic_message;

pin_project! {
    /// A response body whose request counts as in flight until it has gone out.
    pub(super) struct Answer<B> {
        #[pin]
        body: Source<B>,
        ticket: Option<Held>,
        // How much is still to come, if that is known: an engine that has it all need not ask for the end.
        left: Option<u64>,
    }
}

pin_project! {
    #[project = SourceProj]
    enum Source<B> {
        Service { #[pin] body: B },
        Text { text: Option<Bytes> },
    }
}

/// How long the ticket is held.
enum Held {
    /// Until the body is dropped: HTTP/1, where a flush follows that tells when the bytes are gone.
    ByBody(Ticket),
    /// Until the body and every chunk of it are dropped: an HTTP/2 stream keeps its chunks until the client's window has let them
    /// through, and its flushes tell nothing of one stream.
    ByChunks(Arc<Ticket>),
}

impl Held {
    fn ticket(&self) -> &Ticket {
        match self {
            Self::ByBody(ticket) => ticket,
            Self::ByChunks(ticket) => ticket,
        }
    }
}

impl<B> Answer<B> {
    /// A service's own body, of which this much will be asked for, if that is known.
    pub(super) fn new(body: B, ticket: Ticket, by_chunks: bool, left: Option<u64>) -> Self {
        if left == Some(0) {
            ticket.is_whole();
        }
        Self { body: Source::Service { body }, ticket: Some(hold(ticket, by_chunks)), left }
    }

    /// A text of ours in place of a service's body.
    pub(super) fn text(text: Bytes, ticket: Ticket, by_chunks: bool) -> Self {
        Self { body: Source::Text { text: Some(text) }, ticket: Some(hold(ticket, by_chunks)), left: None }
    }

    /// The body of an answer that turns the connection into something else.
    pub(super) fn untracked(body: B) -> Self {
        Self { body: Source::Service { body }, ticket: None, left: None }
    }
}

fn hold(ticket: Ticket, by_chunks: bool) -> Held {
    if by_chunks { Held::ByChunks(Arc::new(ticket)) } else { Held::ByBody(ticket) }
}

impl<B> Body for Answer<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Data = Chunk<B::Data>;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.project();
        let held = this.ticket.as_ref();
        let chunk = |data| {
            let ticket = match held {
                Some(Held::ByChunks(ticket)) => Some(ticket.clone()),
                _ => None,
            };
            Chunk { data, _ticket: ticket }
        };
        let frame = match this.body.project() {
            SourceProj::Text { text } => {
                held.inspect(|held| held.ticket().is_whole());
                let text = text.take().map(Data::Text);
                return Poll::Ready(text.map(|text| Ok(Frame::data(chunk(text)))));
            }
            SourceProj::Service { mut body } => {
                match catch_unwind(AssertUnwindSafe(|| {
                    body.as_mut().poll_frame(cx).map(|frame| (frame, body.is_end_stream()))
                })) {
                    Ok(polled) => {
                        let (frame, last) = ready!(polled);
                        if let (Some(left), Some(Ok(frame))) = (this.left.as_mut(), &frame) {
                            *left = left.saturating_sub(frame.data_ref().map_or(0, |data| data.remaining() as u64));
                        }
                        if (last || *this.left == Some(0) || frame.is_none()) && !matches!(frame, Some(Err(_))) {
                            held.inspect(|held| held.ticket().is_whole());
                        }
                        frame
                    }
                    Err(panic) => return Poll::Ready(Some(Err(panicked(held, &*panic)))),
                }
            }
        };
        let frame = frame.map(|frame| match frame {
            Ok(frame) => Ok(frame.map_data(|data| chunk(Data::Service(data)))),
            Err(error) => Err(failed(held, error.into())),
        });
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            Source::Service { body } => body.is_end_stream(),
            Source::Text { text } => text.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Source::Service { body } => body.size_hint(),
            Source::Text { text } => SizeHint::with_exact(text.as_ref().map_or(0, Bytes::len) as u64),
        }
    }
}

fn panicked(held: Option<&Held>, panic: &(dyn Any + Send)) -> BoxError {
    let panic = panic_message(panic);
    if let Some(held) = held {
        let (method, path) = held.ticket().name();
        tracing::error!(%method, %path, panic, "a response body panicked; its response is broken off");
    }
    "the response body panicked".into()
}

fn failed(held: Option<&Held>, error: BoxError) -> BoxError {
    if let Some(held) = held {
        let (method, path) = held.ticket().name();
        tracing::warn!(%method, %path, error = &*error, "a response body failed; its response is broken off");
    }
    error
}

/// A chunk of an [`Answer`].
pub(super) struct Chunk<D> {
    data: Data<D>,
    /// Held, never looked at.
    _ticket: Option<Arc<Ticket>>,
}

enum Data<D> {
    Service(D),
    Text(Bytes),
}

impl<D: Buf> Buf for Chunk<D> {
    fn remaining(&self) -> usize {
        match &self.data {
            Data::Service(data) => data.remaining(),
            Data::Text(text) => text.len(),
        }
    }

    fn chunk(&self) -> &[u8] {
        match &self.data {
            Data::Service(data) => data.chunk(),
            Data::Text(text) => text,
        }
    }

    fn advance(&mut self, n: usize) {
        match &mut self.data {
            Data::Service(data) => data.advance(n),
            Data::Text(text) => text.advance(n),
        }
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        match &self.data {
            Data::Service(data) => data.chunks_vectored(slices),
            Data::Text(text) => text.chunks_vectored(slices),
        }
    }

    fn copy_to_bytes(&mut self, n: usize) -> Bytes {
        match &mut self.data {
            Data::Service(data) => data.copy_to_bytes(n),
            Data::Text(text) => text.copy_to_bytes(n),
        }
    }
}
