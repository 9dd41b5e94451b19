use std::{
    fmt,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_util::Stream;
use pin_project_lite::pin_project;
use serde::{Deserialize, de::DeserializeOwned};
use upbeat::BoxError;

use super::{
    entry_error::EntryError,
    lines::{Line, Lines},
};

/// How long a line may be if nobody says otherwise.
const LIMIT: usize = 1024 * 1024;

pin_project! {
    /// Reads what [`JsonLines`](crate::JsonLines) wrote: from a stream of bytes, cut anywhere, to a stream of results.
    ///
    /// `T` is what an entry is, and `E` what the sender puts into `{"error": …}`. The source is the body of an answer, the messages of a web socket, or
    /// whatever else gives bytes and may fail.
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
    /// assert!(matches!(entries.next().await, Some(Err(EntryError::Told(why))) if why == "no second"));
    /// assert!(matches!(entries.next().await, Some(Ok(3))));
    /// assert!(entries.next().await.is_none());
    /// # }
    /// ```
    ///
    /// # Guarantees
    ///
    /// - The entries are the same however the bytes were cut.
    /// - A line that is malformed, or too long, is an error in its place, and the entries after it come.
    /// - No more is kept than a line of the [limit](Self::line_limit) and one piece of the source.
    /// - When the source fails, that is the last entry, and what had begun before it is not taken for a whole one. Nothing is asked of it after its end.
    ///
    /// Empty lines are skipped, and the last line needs no end.
    ///
    /// # Not guaranteed
    ///
    /// That the end of the source was the end that its sender meant: HTTP says so by an error, a web socket by its close code, a plain socket not at all.
    ///
    /// # Cancel safety
    ///
    /// It is cancel safe, if its source is.
    pub struct JsonEntries<S, T, E> {
        #[pin]
        source: S,
        lines: Lines,
        ended: bool,
        entry: PhantomData<fn() -> (T, E)>,
    }
}

impl<S, T, E> JsonEntries<S, T, E> {
    /// The entries in the bytes of `source`.
    pub fn new(source: S) -> Self {
        Self { source, lines: Lines::new(LIMIT), ended: false, entry: PhantomData }
    }

    /// How many bytes a line may have, without its end; 1 MiB if not set. A longer one is [`EntryError::TooLong`], and skipped.
    pub fn line_limit(mut self, bytes: usize) -> Self {
        self.lines.limit = bytes;
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
struct InBand<E> {
    error: E,
}

fn parse<T: DeserializeOwned, E: DeserializeOwned>(line: Line, lines: &Lines) -> Result<T, EntryError<E>> {
    let Line::Whole(text) = line else {
        return Err(EntryError::TooLong { line: lines.found, limit: lines.limit });
    };
    let malformed = |source| EntryError::Malformed { line: lines.found, source };
    if is_error(&text) {
        let told: InBand<E> = serde_json::from_slice(&text).map_err(malformed)?;
        return Err(EntryError::Told(told.error));
    }
    serde_json::from_slice(&text).map_err(malformed)
}

/// Whether a line is an object whose first key is `error`. An entry that has one later is an entry.
fn is_error(line: &[u8]) -> bool {
    let key =
        line.trim_ascii_start().strip_prefix(b"{").and_then(|line| line.trim_ascii_start().strip_prefix(b"\"error\""));
    key.is_some_and(|rest| rest.trim_ascii_start().starts_with(b":"))
}
