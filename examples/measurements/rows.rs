use std::{
    error::Error,
    ops::Range,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context as TaskContext, Poll, ready},
    vec,
};

use futures_util::Stream;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;
use upbeat::Context;

use crate::{
    Fault, Measurement, Store, StoreError, Time,
    store::{Page, Row},
};

/// The rows of a range of time, as a stream. A row that is no measurement is an error.
///
/// It reads page by page, and the next pages while the current one is used. Therefore
///
/// - its memory is at most that of three pages, even if it is polled slowly;
/// - it occupies a connection to the database only while it reads a page, so a thousand slow
///   clients occupy none;
/// - it is no snapshot: each page has the rows at the time of its query, including rows that were
///   added meanwhile.
///
/// If it is dropped, it abandons the page that it reads, and returns the connection.
///
/// If `cx` is stopping or the database fails, the last entry is a [`Fault`] with the time from
/// which to [resume](Fault::resume).
#[derive(Debug)]
pub struct Rows {
    cx: Context,
    reads: Reads,
    page: vec::IntoIter<Row>,
    /// The start of the next page; `None` at the end.
    next: Option<Time>,
    pages: mpsc::Receiver<Result<Page, StoreError>>,
    /// The task that reads the pages.
    _reader: AbortOnDropHandle<()>,
}

/// The number of rows that were read. Clones share the number.
#[derive(Clone, Debug, Default)]
pub struct Reads(Arc<AtomicU64>);

impl Reads {
    /// Returns the current number.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl Rows {
    /// Reads the first page and returns the stream. A database that is not available is thus known
    /// before a response is started.
    ///
    /// # Errors
    ///
    /// If the first page cannot be read.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, it returns its connection.
    pub async fn read(store: Store, range: Range<Time>, cx: Context) -> Result<Self, StoreError> {
        Self::counted(store, range, cx, Reads::default()).await
    }

    /// As [`read`](Self::read), and adds the number of rows to `reads`.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub async fn counted(store: Store, range: Range<Time>, cx: Context, reads: Reads) -> Result<Self, StoreError> {
        let first = store.page(range.clone()).await?;
        let next = first.next;
        let (sender, pages) = mpsc::channel(1);
        let reader = tokio::spawn(read_pages(store, next, range.end, sender));
        let page = Vec::new().into_iter();
        let mut rows = Self { cx, reads, page, next, pages, _reader: AbortOnDropHandle::new(reader) };
        rows.set_page(first);
        Ok(rows)
    }

    /// Continues with this page.
    fn set_page(&mut self, page: Page) {
        self.reads.0.fetch_add(page.rows.len() as u64, Relaxed);
        self.page = page.rows.into_iter();
        self.next = page.next;
    }
}

/// Reads all pages. While it waits for the channel, it occupies no connection.
async fn read_pages(store: Store, mut next: Option<Time>, end: Time, pages: mpsc::Sender<Result<Page, StoreError>>) {
    while let Some(from) = next {
        let page = store.page(from..end).await;
        next = page.as_ref().map_or(None, |page| page.next);
        if pages.send(page).await.is_err() {
            return;
        }
    }
}

impl Stream for Rows {
    type Item = Result<Measurement, Fault>;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some(row) = this.page.next() {
                return Poll::Ready(Some(row.into()));
            }
            let Some(from) = this.next else { return Poll::Ready(None) };
            let last = if this.cx.is_stopping() {
                Fault::stopping(from)
            } else {
                match ready!(this.pages.poll_recv(task)) {
                    Some(Ok(page)) => {
                        this.set_page(page);
                        continue;
                    }
                    Some(Err(error)) => {
                        tracing::warn!(error = &error as &dyn Error, "stream aborted, database failed");
                        Fault::database(&error, from)
                    }
                    // The runtime is shutting down, and has dropped the reader.
                    None => Fault::stopping(from),
                }
            };
            this.next = None;
            return Poll::Ready(Some(Err(last)));
        }
    }
}
