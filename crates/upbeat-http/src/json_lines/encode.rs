use std::{
    convert::Infallible,
    fmt, mem,
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    body::Body as AxumBody,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::Stream;
use http::{HeaderValue, header};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use serde::Serialize;

/// When a chunk is full. Large enough that its overhead is lost in it, small enough to lie in a cache until it is sent.
const CHUNK: usize = 16 * 1024;

pin_project! {
    /// A stream of results as lines of JSON: a body for HTTP, and a stream of chunks for everything else.
    ///
    /// A value becomes a line of its own; an error becomes the line `{"error": …}`, and the stream goes on. So a row that cannot be had is
    /// told to the client in its place, when status and headers are long gone.
    ///
    /// As an answer it is `application/x-ndjson`:
    ///
    /// ```
    /// use axum::{Router, routing::get};
    /// use futures_util::stream;
    /// use upbeat_http::{HttpServer, JsonLines};
    ///
    /// async fn squares() -> JsonLines<impl futures_util::Stream<Item = Result<u32, &'static str>>> {
    ///     JsonLines::new(stream::iter((0..70_000_u32).map(|n| n.checked_mul(n).ok_or("too large"))))
    /// }
    ///
    /// let web = HttpServer::bind("127.0.0.1:0", Router::new().route("/squares", get(squares)));
    /// # drop(web);
    /// ```
    ///
    /// As a stream of [`Bytes`], each whole lines, it is what a web socket sends as messages:
    ///
    /// ```
    /// use futures_util::{StreamExt as _, stream};
    /// use upbeat_http::JsonLines;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mut chunks = JsonLines::new(stream::iter([Ok(1), Err("no second"), Ok(3)]));
    /// assert_eq!(chunks.next().await.unwrap(), "1\n{\"error\":\"no second\"}\n3\n");
    /// assert_eq!(chunks.next().await, None);
    /// # }
    /// ```
    ///
    /// [`JsonEntries`](crate::JsonEntries) reads it.
    ///
    /// # Guarantees
    ///
    /// - A chunk consists of whole lines, never of none.
    /// - Entries that are there at the same time share a chunk, of 16 KiB and the line that filled it. One that the source gives alone is sent alone: nothing
    ///   waits for more to come.
    /// - No more than one chunk is held, and the source is not asked while nobody asks for one: a client that reads slowly slows it.
    /// - When the client goes, the server drops the body, and that drops the source.
    /// - An error does not end it. What is to be the last entry is for the source to decide.
    /// - A value that serde refuses (a map whose keys are no strings) becomes an error line in its place, with serde's message.
    ///
    /// # Not guaranteed
    ///
    /// - A value whose own first key is `error` cannot be told from an error by who reads it.
    /// - A source that is always ready, and of whose items a filter keeps none, never lets the task go: the filter is to give way.
    ///
    /// # Cancel safety
    ///
    /// As a stream it is cancel safe, if its source is: what was taken from that is in here.
    pub struct JsonLines<S> {
        #[pin]
        source: S,
        chunk: Vec<u8>,
        ended: bool,
    }
}

impl<S> JsonLines<S> {
    /// The items of `source`, encoded as they are asked for.
    pub fn new(source: S) -> Self {
        Self { source, chunk: Vec::new(), ended: false }
    }
}

impl<S, T, E> Stream for JsonLines<S>
where
    S: Stream<Item = Result<T, E>>,
    T: Serialize,
    E: Serialize,
{
    type Item = Bytes;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut this = self.project();
        while !*this.ended && this.chunk.len() < CHUNK {
            match this.source.as_mut().poll_next(cx) {
                Poll::Ready(Some(entry)) => write_line(this.chunk, &entry),
                Poll::Ready(None) => *this.ended = true,
                Poll::Pending if this.chunk.is_empty() => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        Poll::Ready((!this.chunk.is_empty()).then(|| mem::take(this.chunk).into()))
    }
}

impl<S, T, E> Body for JsonLines<S>
where
    S: Stream<Item = Result<T, E>>,
    T: Serialize,
    E: Serialize,
{
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.poll_next(cx).map(|chunk| chunk.map(|chunk| Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.ended && self.chunk.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

impl<S, T, E> IntoResponse for JsonLines<S>
where
    S: Stream<Item = Result<T, E>> + Send + 'static,
    T: Serialize,
    E: Serialize,
{
    fn into_response(self) -> Response {
        let lines = HeaderValue::from_static("application/x-ndjson");
        ([(header::CONTENT_TYPE, lines)], AxumBody::new(self)).into_response()
    }
}

impl<S> fmt::Debug for JsonLines<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonLines").field("ended", &self.ended).finish_non_exhaustive()
    }
}

/// What an error is on the wire.
#[derive(Serialize)]
struct InBand<'a, E: ?Sized> {
    error: &'a E,
}

fn write_line<T: Serialize, E: Serialize>(chunk: &mut Vec<u8>, entry: &Result<T, E>) {
    let before = chunk.len();
    let written = match entry {
        Ok(value) => serde_json::to_writer(&mut *chunk, value),
        Err(error) => serde_json::to_writer(&mut *chunk, &InBand { error }),
    };
    if let Err(refused) = written {
        chunk.truncate(before);
        let text = serde_json::Value::from(refused.to_string());
        chunk.extend_from_slice(format!("{{\"error\":{text}}}").as_bytes());
    }
    chunk.push(b'\n');
}
