use std::{
    fmt,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_util::Stream;
use pin_project_lite::pin_project;
use serde::{
    Deserialize,
    de::{DeserializeOwned, Error as _},
};
use upbeat::BoxError;

use super::{
    entry_error::EntryError,
    lines::{Line, Lines},
};

/// The default maximum length of a line.
const MAX_LINE_BYTES: usize = 1024 * 1024;

pin_project! {
    /// A stream of results, read from the bytes that [`JsonLines`](crate::JsonLines) has written.
    ///
    /// `T` is the type of an entry, and `E` that of the value in `{"error": …}`. The source is the
    /// body of a response, the messages of a WebSocket, or any other fallible stream of bytes.
    ///
    /// ```
    /// use std::io;
    /// use futures_util::{StreamExt as _, stream};
    /// use upbeat_http::{EntryError, JsonEntries};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let bytes = ["1\n{\"err", "or\":\"no second\"}\n3"].map(Ok::<_, io::Error>);
    /// let mut entries = JsonEntries::<_, u32, String>::new(stream::iter(bytes));
    /// assert!(matches!(entries.next().await, Some(Ok(1))));
    /// assert!(matches!(entries.next().await, Some(Err(EntryError::Reported(why))) if why == "no second"));
    /// assert!(matches!(entries.next().await, Some(Ok(3))));
    /// assert!(entries.next().await.is_none());
    /// # }
    /// ```
    ///
    /// # Guarantees
    ///
    /// - The entries do not depend on how the bytes are split.
    /// - A malformed or too long line is an error in its position, and the following entries are
    ///   read.
    /// - At most one line of the [maximum length](Self::max_line_bytes) and one chunk of the source
    ///   are buffered.
    /// - An error of the source is the last entry, and a partial line before it is discarded. The
    ///   source is not polled after its end.
    ///
    /// Empty lines are skipped, and the last line needs no end.
    ///
    /// # Not guaranteed
    ///
    /// The end of the source need not be the end that the sender intended. HTTP reports a premature
    /// end as an error, a WebSocket by its close code, a plain socket not at all.
    ///
    /// # Cancel safety
    ///
    /// It is cancel safe if its source is.
    #[must_use = "streams do nothing unless polled"]
    pub struct JsonEntries<S, T, E> {
        #[pin]
        source: S,
        lines: Lines,
        ended: bool,
        entry: PhantomData<fn() -> (T, E)>,
    }
}

impl<S, T, E> JsonEntries<S, T, E> {
    /// Creates a stream of the entries in the bytes of `source`.
    pub fn new(source: S) -> Self {
        Self { source, lines: Lines::new(MAX_LINE_BYTES), ended: false, entry: PhantomData }
    }

    /// Sets the maximum length of a line, without its end. Default: 1 MiB.
    ///
    /// A longer line is skipped and yields [`EntryError::TooLong`].
    pub fn max_line_bytes(mut self, max: usize) -> Self {
        self.lines.max_line_bytes = max;
        self
    }
}

impl<S, B, X, T, E> Stream for JsonEntries<S, T, E>
where
    S: Stream<Item = Result<B, X>>,
    B: AsRef<[u8]>,
    X: Into<BoxError>,
    T: DeserializeOwned,
    E: DeserializeOwned,
{
    type Item = Result<T, EntryError<E>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        loop {
            if let Some(line) = this.lines.next() {
                return Poll::Ready(Some(parse(line, this.lines)));
            }
            if *this.ended {
                return Poll::Ready(None);
            }
            match ready!(this.source.as_mut().poll_next(cx)) {
                Some(Ok(bytes)) => this.lines.push(bytes.as_ref()),
                Some(Err(error)) => {
                    *this.ended = true;
                    this.lines.clear();
                    return Poll::Ready(Some(Err(EntryError::Lost { line: this.lines.found, source: error.into() })));
                }
                None => {
                    *this.ended = true;
                    this.lines.finish();
                }
            }
        }
    }
}

impl<S, T, E> fmt::Debug for JsonEntries<S, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonEntries")
            .field("lines", &self.lines.found)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct ReportedError<E> {
    error: E,
}

fn parse<T: DeserializeOwned, E: DeserializeOwned>(line: Line, lines: &Lines) -> Result<T, EntryError<E>> {
    let Line::Complete(text) = line else {
        return Err(EntryError::TooLong { line: lines.found, limit: lines.max_line_bytes });
    };
    let malformed = |source| EntryError::Malformed { line: lines.found, source };
    // From bytes, serde accepts any text in values that it skips.
    let text = str::from_utf8(&text).map_err(|error| malformed(serde_json::Error::custom(error)))?;
    if is_error(text.as_bytes()) {
        let reported: ReportedError<E> = serde_json::from_str(text).map_err(malformed)?;
        return Err(EntryError::Reported(reported.error));
    }
    serde_json::from_str(text).map_err(malformed)
}

/// Returns whether a line is an object whose first key is `error`.
fn is_error(line: &[u8]) -> bool {
    let key =
        line.trim_ascii_start().strip_prefix(b"{").and_then(|line| line.trim_ascii_start().strip_prefix(b"\"error\""));
    key.is_some_and(|rest| rest.trim_ascii_start().starts_with(b":"))
}
