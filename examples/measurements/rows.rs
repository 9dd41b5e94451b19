use std::{
    error::Error,
    ops::Range,
    panic::resume_unwind,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context as TaskContext, Poll, ready},
    vec,
};

use futures_util::Stream;
use tokio_util::task::AbortOnDropHandle;
use upbeat::Context;

use crate::{
    Fault, Measurement, Store, StoreError, Time,
    store::{Page, Row},
};

/// The rows of a range of time, as a stream. A row that is no measurement is an error in its place.
///
/// It reads page by page, and the next page while this one is used. So
///
/// - its memory is that of two pages, however many rows there are and however slowly it is read;
/// - it has a connection to the database only while a page is read: a thousand readers that are slow, or asleep, hold none;
/// - each page is what was in the database when it was read. Rows that are added behind the last one read come; they are not one snapshot.
///
/// Dropped, it stops: what is being read is given up, and its connection given back.
///
/// When `cx` is stopping, or the database fails, the last entry is a [`Fault`] that says so and where to [resume](Fault::resume).
#[derive(Debug)]
pub struct Rows {
    store: Store,
    cx: Context,
    reads: Reads,
    page: vec::IntoIter<Row>,
    /// Where the page ends that is read after this one; at the end of all there is none.
    next: Option<(Time, AbortOnDropHandle<Result<Page, StoreError>>)>,
    end: Time,
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
        let mut rows = Self { store, cx, reads, page: Vec::new().into_iter(), next: None, end: range.end };
        rows.turn(first);
        Ok(rows)
    }

    /// Goes on with this page, and has the next one read.
    fn turn(&mut self, page: Page) {
        self.reads.0.fetch_add(page.rows.len() as u64, Relaxed);
        self.page = page.rows.into_iter();
        self.next = page.next.map(|from| {
            let (store, range) = (self.store.clone(), from..self.end);
            (from, AbortOnDropHandle::new(tokio::spawn(async move { store.page(range).await })))
        });
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
            let Some((from, reading)) = &mut this.next else { return Poll::Ready(None) };
            let from = *from;
            if this.cx.is_stopping() {
                this.next = None;
                return Poll::Ready(Some(Err(Fault::stopping(from))));
            }
            let read = ready!(Pin::new(reading).poll(task));
            let last = match read {
                Ok(Ok(page)) => {
                    this.turn(page);
                    continue;
                }
                Ok(Err(error)) => {
                    tracing::warn!(error = &error as &dyn Error, "a stream ends early: the database failed");
                    Fault::database(&error, from)
                }
                Err(ended) => match ended.try_into_panic() {
                    Ok(panic) => resume_unwind(panic),
                    // The runtime is going down.
                    Err(_) => Fault::stopping(from),
                },
            };
            this.next = None;
            return Poll::Ready(Some(Err(last)));
        }
    }
}
