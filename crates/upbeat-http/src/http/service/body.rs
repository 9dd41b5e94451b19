use std::{
    io::IoSlice,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use futures_util::task::AtomicWaker;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use upbeat::{BoxError, panic::Panic};

use super::settle::First;
use crate::{
    http::{connection::InFlightRequest, request::Unsent},
    targets,
};

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
        // The source has ended, and an HTTP/2 engine still holds more than a frame of it.
        //
        // An engine that knew of the end could not be made to reset the stream any more.
        withholds_end: bool,
    }
}

/// The size up to which the end of an HTTP/2 stream is not withheld: that of one frame.
const FRAME_SIZE: u64 = 16 * 1024;

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
    ByChunks(Arc<HeldByChunks>),
}

struct HeldByChunks {
    in_flight: InFlightRequest,
    /// The task that waits until no chunk is left.
    all_sent: AtomicWaker,
}

impl Hold {
    fn new(in_flight: InFlightRequest, by_chunks: bool) -> Self {
        if by_chunks {
            Self::ByChunks(Arc::new(HeldByChunks { in_flight, all_sent: AtomicWaker::new() }))
        } else {
            Self::ByBody(in_flight)
        }
    }

    fn in_flight(&self) -> &InFlightRequest {
        match self {
            Self::ByBody(in_flight) => in_flight,
            Self::ByChunks(held) => &held.in_flight,
        }
    }

    /// Returns whether an HTTP/2 engine holds more than a frame.
    fn has_unsent_frames(&self) -> bool {
        matches!(self, Self::ByChunks(held) if held.unsent().bytes() > FRAME_SIZE)
    }

    /// Waits until an HTTP/2 engine has sent all chunks.
    fn poll_all_sent(&self, cx: &mut Context<'_>) -> Poll<()> {
        let Self::ByChunks(held) = self else { return Poll::Ready(()) };
        if held.unsent().bytes() > 0 {
            held.all_sent.register(cx.waker());
            // The last chunk may have been sent before.
            if held.unsent().bytes() > 0 {
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }
}

impl HeldByChunks {
    fn unsent(&self) -> &Unsent {
        &self.in_flight.context().unsent
    }
}

impl<B: Body> ResponseBody<B> {
    /// Wraps a service's own body, of which the engine will read `left` bytes, if that is known.
    pub(super) fn new(body: B, in_flight: InFlightRequest, by_chunks: bool, left: Option<u64>) -> Self {
        if left == Some(0) {
            in_flight.complete();
        }
        let hold = Some(Hold::new(in_flight, by_chunks));
        Self { source: BodySource::Service { body }, hold, left, withholds_end: false }
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
        Self { source: BodySource::Begun { first, body }, hold, left, withholds_end: false }
    }

    /// Returns a text in place of a service's body.
    pub(super) fn text(text: Bytes, in_flight: InFlightRequest, by_chunks: bool) -> Self {
        let hold = Some(Hold::new(in_flight, by_chunks));
        Self { source: BodySource::Text { text: Some(text) }, hold, left: None, withholds_end: false }
    }

    /// Wraps the body of a response that upgrades the connection.
    pub(super) fn untracked(body: B) -> Self {
        Self { source: BodySource::Service { body }, hold: None, left: None, withholds_end: false }
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
        if *this.withholds_end {
            if let Some(hold) = hold {
                ready!(hold.poll_all_sent(cx));
            }
            return Poll::Ready(None);
        }
        let chunk = |data: ChunkData<B::Data>| Chunk::new(data, hold);
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
        if frame.is_none() && hold.is_some_and(Hold::has_unsent_frames) {
            *this.withholds_end = true;
            ready!(hold.map_or(Poll::Ready(()), |hold| hold.poll_all_sent(cx)));
        }
        let frame = frame.map(|frame| match frame {
            Ok(frame) => Ok(frame.map_data(|data| chunk(ChunkData::Service(data)))),
            Err(error) => Err(failed(hold, error)),
        });
        *this.withholds_end = last && hold.is_some_and(Hold::has_unsent_frames);
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            _ if self.withholds_end => false,
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
pub(crate) struct Chunk<D: Buf> {
    data: ChunkData<D>,
    /// Held until the chunk is dropped.
    request: Option<Arc<HeldByChunks>>,
}

impl<D: Buf> Chunk<D> {
    fn new(data: ChunkData<D>, hold: Option<&Hold>) -> Self {
        let Some(Hold::ByChunks(request)) = hold else {
            return Self { data, request: None };
        };
        request.unsent().add(data.remaining() as u64);
        Self { data, request: Some(request.clone()) }
    }

    /// Records that the engine has sent bytes.
    fn sent(&self, bytes: usize) {
        if let Some(request) = &self.request {
            request.unsent().remove(bytes as u64);
        }
    }
}

impl<D: Buf> Drop for Chunk<D> {
    fn drop(&mut self) {
        if let Some(request) = &self.request {
            request.unsent().remove(self.data.remaining() as u64);
            if request.unsent().bytes() == 0 {
                request.all_sent.wake();
            }
        }
    }
}

enum ChunkData<D> {
    Service(D),
    Text(Bytes),
}

impl<D: Buf> ChunkData<D> {
    fn remaining(&self) -> usize {
        match self {
            Self::Service(data) => data.remaining(),
            Self::Text(text) => text.len(),
        }
    }
}

impl<D: Buf> Buf for Chunk<D> {
    fn remaining(&self) -> usize {
        self.data.remaining()
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
        self.sent(n);
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        match &self.data {
            ChunkData::Service(data) => data.chunks_vectored(slices),
            ChunkData::Text(text) => text.chunks_vectored(slices),
        }
    }

    fn copy_to_bytes(&mut self, n: usize) -> Bytes {
        let bytes = match &mut self.data {
            ChunkData::Service(data) => data.copy_to_bytes(n),
            ChunkData::Text(text) => text.copy_to_bytes(n),
        };
        self.sent(n);
        bytes
    }
}
