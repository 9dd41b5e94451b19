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

/// The size of a full chunk: large enough to amortize its overhead, small enough for a cache.
const CHUNK_SIZE: usize = 16 * 1024;

pin_project! {
    /// A stream of results as lines of JSON: a body for HTTP, and a stream of chunks for other
    /// uses.
    ///
    /// A value becomes one line. An error becomes the line `{"error": …}`, and the stream
    /// continues. The client thus gets an error in the position of a row, although the headers were
    /// sent long before.
    ///
    /// As a response it is `application/x-ndjson`:
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
    /// As a stream of [`Bytes`], each of complete lines, it yields the messages for a WebSocket:
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
    /// - A chunk consists of complete lines, at least one.
    /// - Entries that are ready at the same time share a chunk, of 16 KiB plus the line that fills
    ///   it. A single ready entry is sent at once.
    /// - At most one chunk is buffered, and the source is polled only on demand. A slow client
    ///   slows it.
    /// - When the client disconnects, the server drops the body and with it the source.
    /// - An error does not end the stream. The source decides which entry is the last one.
    /// - If serde rejects a value (a map whose keys are no strings), an error line with serde's
    ///   message takes its position.
    ///
    /// # Not guaranteed
    ///
    /// - A value whose first key is `error` is read as an error.
    /// - If a source is always ready and a filter drops all its items, the task never yields. Such
    ///   a filter must yield itself.
    ///
    /// # Cancel safety
    ///
    /// As a stream it is cancel safe if its source is: it keeps all items that it has taken.
    #[must_use = "streams do nothing unless polled"]
    pub struct JsonLines<S> {
        #[pin]
        source: S,
        chunk: Vec<u8>,
        ended: bool,
    }
}

impl<S> JsonLines<S> {
    /// Creates a stream that encodes the items of `source` on demand.
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
        while !*this.ended && this.chunk.len() < CHUNK_SIZE {
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

/// An error on the wire.
#[derive(Serialize)]
struct ErrorLine<'a, E: ?Sized> {
    error: &'a E,
}

fn write_line<T: Serialize, E: Serialize>(chunk: &mut Vec<u8>, entry: &Result<T, E>) {
    let before = chunk.len();
    let written = match entry {
        Ok(value) => serde_json::to_writer(&mut *chunk, value),
        Err(error) => serde_json::to_writer(&mut *chunk, &ErrorLine { error }),
    };
    if let Err(error) = written {
        chunk.truncate(before);
        let text = serde_json::Value::from(error.to_string());
        chunk.extend_from_slice(format!("{{\"error\":{text}}}").as_bytes());
    }
    chunk.push(b'\n');
}
