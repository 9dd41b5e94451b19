use std::{
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use http::Extensions;
use parking_lot::Mutex;
use slab::Slab;
use tokio::{
    sync::{Notify, OwnedSemaphorePermit},
    time::Instant,
};
use upbeat::{Context, WorkList};

use super::{config::Config, conn::Conn, drain::CutRequest, request::ServerEnded, stall::Stalled};
use crate::listen::Peer;

/// What the connections of one run share.
pub(super) struct Shared {
    pub(super) config: Config,
    /// The server's own.
    pub(super) context: Context,
    /// What the contexts of all requests are made from: a stop does not end them.
    pub(super) requests: Context,
    /// What the extensions of all requests are made from: nothing, with room for some.
    pub(super) extensions: Extensions,
    /// When the drain began. Connections read it on every poll; set before they are woken to see it.
    draining: OnceLock<Instant>,
    conns: Mutex<Slab<Arc<Conn>>>,
    left: Notify,
    finished: AtomicU64,
    abandoned: AtomicU64,
}

impl Shared {
    pub(super) fn new(config: Config, context: Context) -> Arc<Self> {
        Arc::new(Self {
            config,
            requests: context.until_deadline(),
            context,
            extensions: with_room(),
            draining: OnceLock::new(),
            conns: Mutex::new(Slab::new()),
            left: Notify::new(),
            finished: AtomicU64::new(0),
            abandoned: AtomicU64::new(0),
        })
    }

    /// Registers a connection, for as long as the membership lives.
    pub(super) fn join(self: &Arc<Self>, peer: Peer, place: Option<OwnedSemaphorePermit>) -> Membership {
        let conn = Arc::new(Conn::new(self.clone(), peer, Instant::now()));
        let key = self.conns.lock().insert(conn.clone());
        Membership { conn, key, _place: place }
    }

    pub(super) fn draining_since(&self) -> Option<Instant> {
        self.draining.get().copied()
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.get().is_some()
    }

    pub(super) fn begin_drain(&self, now: Instant) {
        let _ = self.draining.set(now);
        self.for_each(Conn::wake);
    }

    /// Waits until no connection is left.
    pub(super) async fn all_left(&self) {
        loop {
            let left = self.left.notified();
            if self.conns.lock().is_empty() {
                return;
            }
            left.await;
        }
    }

    /// Ends every connection where it stands, and returns the requests that were in flight.
    pub(super) fn cut(&self, why: ServerEnded) -> Vec<CutRequest> {
        let now = Instant::now();
        // Before their connections are: those that work for them shall see why.
        self.requests.cancel(why);
        let mut cut = Vec::new();
        self.for_each(|conn| cut.extend(conn.cut(now)));
        cut
    }

    /// Lists the requests in flight.
    pub(super) fn list(&self, work: &mut WorkList) {
        self.for_each(|conn| conn.list(work));
    }

    /// Some of the requests that have taken longer than the limit and were not told about. They count as told now.
    pub(super) fn stalled(&self, now: Instant, limit: Duration, most: usize) -> Vec<Stalled> {
        let mut stalled = Vec::new();
        self.for_each(|conn| conn.stalled(now, limit, most, &mut stalled));
        stalled
    }

    /// Counts a request that was answered during the drain.
    pub(super) fn count_finished(&self) {
        if self.is_draining() {
            self.finished.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many requests were answered during the drain, and how many were given up by their clients.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.finished.load(Ordering::Relaxed), self.abandoned.load(Ordering::Relaxed))
    }

    fn for_each(&self, mut visit: impl FnMut(&Conn)) {
        // A copy: a visited connection may leave, which takes the lock.
        let conns: Vec<_> = self.conns.lock().iter().map(|(_, conn)| conn.clone()).collect();
        for conn in conns {
            visit(&conn);
        }
    }

    fn leave(&self, conn: &Conn, key: usize) {
        if self.is_draining() && !conn.is_cut() {
            let open = conn.activity(|activity| activity.open_count()) as u64;
            // An upgraded connection that is closed has done what it was for; any other request that is still open was left by
            // its client.
            let count = if conn.is_upgraded() { &self.finished } else { &self.abandoned };
            count.fetch_add(open, Ordering::Relaxed);
        }
        conn.upgraded_ended();
        let mut conns = self.conns.lock();
        conns.remove(key);
        if conns.is_empty() {
            drop(conns);
            self.left.notify_waiters();
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("config", &self.config).finish_non_exhaustive()
    }
}

/// No extensions, but room for a handful. A clone of it has that room, too; extensions that grow on their own take it in two steps, and the
/// second comes with axum's third.
fn with_room() -> Extensions {
    let mut extensions = Extensions::new();
    extensions.insert([(); 1]);
    extensions.insert([(); 2]);
    extensions.insert([(); 3]);
    extensions.insert([(); 4]);
    extensions.clear();
    extensions
}

/// A connection's place among the others; it leaves when this is dropped.
#[derive(Debug)]
pub(super) struct Membership {
    conn: Arc<Conn>,
    key: usize,
    _place: Option<OwnedSemaphorePermit>,
}

impl Membership {
    pub(super) fn conn(&self) -> &Arc<Conn> {
        &self.conn
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.conn.shared().leave(&self.conn, self.key);
    }
}

/// Cuts every connection when the server's run is dropped: its tasks must not outlive it.
pub(super) struct CutOnDrop(pub(super) Arc<Shared>);

impl Drop for CutOnDrop {
    fn drop(&mut self) {
        // Empty after a drain. Otherwise the run was aborted, and what it cuts is named all the same.
        for request in self.0.cut(ServerEnded::Aborted) {
            self.0.context.report_lost(request);
        }
    }
}
