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

/// The rows of a range of time, as a stream. A row that is no measurement is an error in its place.
///
/// It reads page by page, and the next ones while this one is used. So
///
/// - its memory is that of three pages, however many rows there are and however slowly it is read;
/// - it has a connection to the database only while a page is read: a thousand readers that are slow, or asleep, hold none;
/// - each page is what was in the database when it was read. Rows that are added behind the last one read come; they are not one snapshot.
///
/// Dropped, it stops: what is being read is given up, and its connection given back.
///
/// When `cx` is stopping, or the database fails, the last entry is a [`Fault`] that says so and where to [resume](Fault::resume).
#[derive(Debug)]
pub struct Rows {
    cx: Context,
    reads: Reads,
    page: vec::IntoIter<Row>,
    /// Where the page begins that comes after this one; `None` at the end.
    next: Option<Time>,
    pages: mpsc::Receiver<Result<Page, StoreError>>,
    /// Who reads them.
    _reader: AbortOnDropHandle<()>,
}

/// How many rows were read by all who share this. A cheap clone.
#[derive(Clone, Debug, Default)]
pub struct Reads(Arc<AtomicU64>);

impl Reads {
    /// So far.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl Rows {
    /// Reads the first page, so that a database that cannot be asked is known before anything is promised.
    ///
    /// # Errors
    ///
    /// What the database says to that page.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it gives its connection back.
    pub async fn read(store: Store, range: Range<Time>, cx: Context) -> Result<Self, StoreError> {
        Self::counted(store, range, cx, Reads::default()).await
    }

    /// The same, with an account of the rows.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub async fn counted(store: Store, range: Range<Time>, cx: Context, reads: Reads) -> Result<Self, StoreError> {
        let first = store.page(range.clone()).await?;
        let next = first.next;
        let (sender, pages) = mpsc::channel(1);
        let reader = tokio::spawn(read_on(store, next, range.end, sender));
        let page = Vec::new().into_iter();
        let mut rows = Self { cx, reads, page, next, pages, _reader: AbortOnDropHandle::new(reader) };
        rows.turn(first);
        Ok(rows)
    }

    /// Goes on with this page.
    fn turn(&mut self, page: Page) {
        self.reads.0.fetch_add(page.rows.len() as u64, Relaxed);
        self.page = page.rows.into_iter();
        self.next = page.next;
    }
}

/// Reads page after page, until there is no room for one. It has no connection while it waits for that.
async fn read_on(store: Store, mut next: Option<Time>, end: Time, pages: mpsc::Sender<Result<Page, StoreError>>) {
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
                        this.turn(page);
                        continue;
                    }
                    Some(Err(error)) => {
                        tracing::warn!(error = &error as &dyn Error, "a stream ends early: the database failed");
                        Fault::database(&error, from)
                    }
                    // The runtime is going down with its tasks.
                    None => Fault::stopping(from),
                }
            };
            this.next = None;
            return Poll::Ready(Some(Err(last)));
        }
    }
}
