use std::{fmt, sync::Arc, time::Duration};

use parking_lot::Mutex;
use slab::Slab;
use tokio::{
    sync::{Notify, OwnedSemaphorePermit},
    time::Instant,
};
use upbeat::{Context, diagnostics::WorkList};

use super::{Conn, ServerState};
use crate::{
    http::{
        config::Config,
        request::{CutRequest, ServerEnded, StalledRequest},
    },
    listen::Peer,
};

/// The open connections of one run.
pub(crate) struct Registry {
    server: Arc<ServerState>,
    conns: Mutex<Slab<Arc<Conn>>>,
    empty: Notify,
}

impl Registry {
    pub(crate) fn new(config: Config, context: Context) -> Arc<Self> {
        let server = ServerState::new(config, context);
        Arc::new(Self { server, conns: Mutex::new(Slab::new()), empty: Notify::new() })
    }

    pub(crate) fn server(&self) -> &ServerState {
        &self.server
    }

    /// Registers a connection until the membership is dropped.
    pub(crate) fn join(self: &Arc<Self>, peer: Peer, permit: Option<OwnedSemaphorePermit>) -> Membership {
        let conn = Arc::new(Conn::new(self.server.clone(), peer, Instant::now()));
        let key = self.conns.lock().insert(conn.clone());
        Membership { registry: self.clone(), conn, key, _permit: permit }
    }

    pub(crate) fn begin_drain(&self, now: Instant) {
        self.server.begin_drain(now);
        self.for_each(Conn::wake);
    }

    /// Waits until no connection is left.
    pub(crate) async fn wait_empty(&self) {
        loop {
            let empty = self.empty.notified();
            if self.conns.lock().is_empty() {
                return;
            }
            empty.await;
        }
    }

    /// Cuts every connection and returns the requests that were in flight.
    pub(crate) fn cut(&self, cause: ServerEnded) -> Vec<CutRequest> {
        let now = Instant::now();
        // Before the connections are cut, so that tasks of the requests see this cause.
        self.server.requests.cancel(cause);
        let mut cut = Vec::new();
        self.for_each(|conn| cut.extend(conn.cut(now)));
        cut
    }

    /// Lists the requests in flight.
    pub(crate) fn list_requests(&self, work: &mut WorkList) {
        self.for_each(|conn| conn.list_requests(work));
    }

    /// Returns up to `max` requests that have exceeded the limit, each request once.
    pub(crate) fn take_stalled(&self, now: Instant, limit: Duration, max: usize) -> Vec<StalledRequest> {
        let mut stalled = Vec::new();
        self.for_each(|conn| conn.take_stalled(now, limit, max, &mut stalled));
        stalled
    }

    fn for_each(&self, mut visit: impl FnMut(&Conn)) {
        // A copy, because a visited connection may leave, which takes the lock.
        let conns: Vec<_> = self.conns.lock().iter().map(|(_, conn)| conn.clone()).collect();
        for conn in conns {
            visit(&conn);
        }
    }

    fn leave(&self, conn: &Conn, key: usize) {
        if self.server.is_draining() && !conn.is_cut() {
            let open = conn.with_activity(|activity| activity.open_count()) as u64;
            // The close of an upgraded connection completes its request. Any other request that is
            // still open was abandoned by its client.
            if conn.is_upgraded() {
                self.server.add_finished(open);
            } else {
                self.server.add_abandoned(open);
            }
        }
        conn.end_upgrade();
        let mut conns = self.conns.lock();
        conns.remove(key);
        if conns.is_empty() {
            drop(conns);
            self.empty.notify_waiters();
        }
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("server", &self.server).finish_non_exhaustive()
    }
}

/// The registration of a connection, which ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Membership {
    registry: Arc<Registry>,
    conn: Arc<Conn>,
    key: usize,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Membership {
    pub(crate) fn conn(&self) -> &Arc<Conn> {
        &self.conn
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.registry.leave(&self.conn, self.key);
    }
}

/// Cuts every connection when the server's run is dropped, so that no task outlives the run.
pub(crate) struct CutOnDrop(pub(crate) Arc<Registry>);

impl Drop for CutOnDrop {
    fn drop(&mut self) {
        // Empty after a drain. Otherwise the run was aborted, and its requests are reported as
        // lost.
        for request in self.0.cut(ServerEnded::Aborted) {
            self.0.server().context.report_lost(request);
        }
    }
}
