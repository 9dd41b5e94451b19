use std::{
    io::IoSlice,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use upbeat::{BoxError, panic::Panic};

use super::settle::First;
use crate::{http::connection::InFlightRequest, targets};

pin_project! {
    /// A response body whose request counts as in flight until the body was sent.
    pub(crate) struct ResponseBody<B>
    where
        B: Body,
    {
        #[pin]
        source: BodySource<B>,
        hold: Option<Hold>,
        // The length of the rest, if it is known: an engine that has it all need not poll for the
        // end.
        left: Option<u64>,
    }
}

pin_project! {
    #[project = BodySourceProj]
    enum BodySource<B>
    where
        B: Body,
    {
        Service { #[pin] body: B },
        // A service's body of which the first frame may have been read.
        Begun { first: Option<First<B::Data>>, body: Pin<Box<B>> },
        Text { text: Option<Bytes> },
    }
}

/// The time for which the request in flight is held.
enum Hold {
    /// Until the body is dropped: HTTP/1, where the following flush shows that the kernel has the
    /// bytes.
    ByBody(InFlightRequest),
    /// Until the body and every chunk of it are dropped.
    ///
    /// An HTTP/2 stream keeps its chunks until the client's window admits them, and a flush of the
    /// connection shows nothing about one stream.
    ByChunks(Arc<InFlightRequest>),
}

impl Hold {
    fn new(in_flight: InFlightRequest, by_chunks: bool) -> Self {
        if by_chunks { Self::ByChunks(Arc::new(in_flight)) } else { Self::ByBody(in_flight) }
    }

    fn in_flight(&self) -> &InFlightRequest {
        match self {
            Self::ByBody(in_flight) => in_flight,
            Self::ByChunks(in_flight) => in_flight,
        }
    }
}

impl<B: Body> ResponseBody<B> {
    /// Wraps a service's own body, of which the engine will read `left` bytes, if that is known.
    pub(super) fn new(body: B, in_flight: InFlightRequest, by_chunks: bool, left: Option<u64>) -> Self {
        if left == Some(0) {
            in_flight.complete();
        }
        let hold = Some(Hold::new(in_flight, by_chunks));
        Self { source: BodySource::Service { body }, hold, left }
    }

    /// Wraps a service's own body of which the first frame was read, as [`new`](Self::new) does.
    pub(super) fn begun(
        first: Option<First<B::Data>>,
        body: Pin<Box<B>>,
        in_flight: InFlightRequest,
        by_chunks: bool,
        left: Option<u64>,
    ) -> Self {
        if left == Some(0) {
            in_flight.complete();
        }
        let hold = Some(Hold::new(in_flight, by_chunks));
        Self { source: BodySource::Begun { first, body }, hold, left }
    }

    /// Returns a text in place of a service's body.
    pub(super) fn text(text: Bytes, in_flight: InFlightRequest, by_chunks: bool) -> Self {
        let hold = Some(Hold::new(in_flight, by_chunks));
        Self { source: BodySource::Text { text: Some(text) }, hold, left: None }
    }

    /// Wraps the body of a response that upgrades the connection.
    pub(super) fn untracked(body: B) -> Self {
        Self { source: BodySource::Service { body }, hold: None, left: None }
    }
}

impl<B> Body for ResponseBody<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Data = Chunk<B::Data>;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.project();
        let hold = this.hold.as_ref();
        let chunk = |data| {
            let in_flight = match hold {
                Some(Hold::ByChunks(in_flight)) => Some(in_flight.clone()),
                _ => None,
            };
            Chunk { data, _in_flight: in_flight }
        };
        let polled = match this.source.project() {
            BodySourceProj::Text { text } => {
                hold.inspect(|hold| hold.in_flight().complete());
                let text = text.take().map(ChunkData::Text);
                return Poll::Ready(text.map(|text| Ok(Frame::data(chunk(text)))));
            }
            BodySourceProj::Service { body } => Panic::catch(|| poll_body(body, cx)),
            BodySourceProj::Begun { first, body } => match first.take() {
                Some(first) => Ok(Poll::Ready((first, body.is_end_stream()))),
                None => Panic::catch(|| poll_body(body.as_mut(), cx)),
            },
        };
        let (frame, last) = match polled {
            Ok(polled) => ready!(polled),
            Err(panic) => return Poll::Ready(Some(Err(panicked(hold, panic)))),
        };
        if let (Some(left), Some(Ok(frame))) = (this.left.as_mut(), &frame) {
            *left = left.saturating_sub(frame.data_ref().map_or(0, |data| data.remaining() as u64));
        }
        if (last || *this.left == Some(0) || frame.is_none()) && !matches!(frame, Some(Err(_))) {
            hold.inspect(|hold| hold.in_flight().complete());
        }
        let frame = frame.map(|frame| match frame {
            Ok(frame) => Ok(frame.map_data(|data| chunk(ChunkData::Service(data)))),
            Err(error) => Err(failed(hold, error)),
        });
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            BodySource::Service { body } => body.is_end_stream(),
            BodySource::Begun { first, body } => match first {
                Some(first) => first.is_none(),
                None => body.is_end_stream(),
            },
            BodySource::Text { text } => text.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            BodySource::Service { body } => body.size_hint(),
            BodySource::Begun { first, body } => with_first(body.size_hint(), first.as_ref()),
            BodySource::Text { text } => SizeHint::with_exact(text.as_ref().map_or(0, Bytes::len) as u64),
        }
    }
}

/// Polls a body, and returns whether its frame was the last.
fn poll_body<B>(mut body: Pin<&mut B>, cx: &mut Context<'_>) -> Poll<(First<B::Data>, bool)>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    body.as_mut().poll_frame(cx).map(|frame| (frame.map(|frame| frame.map_err(Into::into)), body.is_end_stream()))
}

/// Adds the frame that was read to the size of the rest.
fn with_first<D: Buf>(rest: SizeHint, first: Option<&First<D>>) -> SizeHint {
    let Some(Some(Ok(frame))) = first else { return rest };
    let read = frame.data_ref().map_or(0, |data| data.remaining() as u64);
    let mut size = SizeHint::new();
    if let Some(upper) = rest.upper() {
        size.set_upper(upper.saturating_add(read));
    }
    size.set_lower(rest.lower().saturating_add(read));
    size
}

fn panicked(hold: Option<&Hold>, panic: Panic) -> BoxError {
    if let Some(hold) = hold {
        let (method, path) = hold.in_flight().name();
        tracing::error!(target: targets::REQUEST, %method, %path, panic = panic.message(), location = panic.location(), "response body panicked, response aborted");
    }
    panic.into()
}

fn failed(hold: Option<&Hold>, error: BoxError) -> BoxError {
    if let Some(hold) = hold {
        let (method, path) = hold.in_flight().name();
        tracing::warn!(target: targets::REQUEST, %method, %path, error = &*error, "response body failed, response aborted");
    }
    error
}

/// A chunk of a [`ResponseBody`].
pub(crate) struct Chunk<D> {
    data: ChunkData<D>,
    /// Held until the chunk is dropped.
    _in_flight: Option<Arc<InFlightRequest>>,
}

enum ChunkData<D> {
    Service(D),
    Text(Bytes),
}

impl<D: Buf> Buf for Chunk<D> {
    fn remaining(&self) -> usize {
        match &self.data {
            ChunkData::Service(data) => data.remaining(),
            ChunkData::Text(text) => text.len(),
        }
    }

    fn chunk(&self) -> &[u8] {
        match &self.data {
            ChunkData::Service(data) => data.chunk(),
            ChunkData::Text(text) => text,
        }
    }

    fn advance(&mut self, n: usize) {
        match &mut self.data {
            ChunkData::Service(data) => data.advance(n),
            ChunkData::Text(text) => text.advance(n),
        }
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        match &self.data {
            ChunkData::Service(data) => data.chunks_vectored(slices),
            ChunkData::Text(text) => text.chunks_vectored(slices),
        }
    }

    fn copy_to_bytes(&mut self, n: usize) -> Bytes {
        match &mut self.data {
            ChunkData::Service(data) => data.copy_to_bytes(n),
            ChunkData::Text(text) => text.copy_to_bytes(n),
        }
    }
}
