use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use futures_util::Stream;
use pin_project_lite::pin_project;
use serde::Serialize;

use crate::{Reads, Store, store::Connections};

/// The number of open streams. Clones share the number.
#[derive(Clone, Debug, Default)]
pub(super) struct Streams(Arc<AtomicUsize>);

/// The response of `/stats`.
#[derive(Debug, Serialize)]
pub(super) struct Stats {
    open_streams: usize,
    rows_read: u64,
    connections: Connections,
}

impl Stats {
    pub(super) fn new(streams: &Streams, reads: &Reads, store: &Store) -> Self {
        let open_streams = streams.0.load(Relaxed);
        Self { open_streams, rows_read: reads.get(), connections: store.connections() }
    }
}

pin_project! {
    /// A stream that is counted as open until it is dropped.
    pub(super) struct Open<S> {
        #[pin]
        stream: S,
        _counted: Counted,
    }
}

impl<S> Open<S> {
    pub(super) fn new(stream: S, streams: &Streams) -> Self {
        streams.0.fetch_add(1, Relaxed);
        Self { stream, _counted: Counted(streams.clone()) }
    }
}

impl<S: Stream> Stream for Open<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        self.project().stream.poll_next(cx)
    }
}

/// The count of a stream. As the later field, it is dropped after the stream.
struct Counted(Streams);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Relaxed);
    }
}
