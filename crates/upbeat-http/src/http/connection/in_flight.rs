use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use http::{Method, Request};
use http_body::Body;
use upbeat::attachment::AttachedContext;

use super::{Conn, activity::OpenRequest, is_http1};
use crate::http::request::{self, ClientGone, RequestEnded, RequestState};

/// A request in flight. It is dropped when its response was handed over or given up.
#[derive(Debug)]
pub(crate) struct InFlightRequest {
    conn: Arc<Conn>,
    key: usize,
    http1: bool,
    upgraded: bool,
    cx: AttachedContext<RequestState>,
    /// The whole response was handed over.
    complete: AtomicBool,
}

impl InFlightRequest {
    /// Counts a request as in flight, now that its head is complete.
    pub(crate) fn begin<B: Body>(conn: &Arc<Conn>, request: &Request<B>) -> Self {
        let server = conn.server();
        let (secured, timeout) = (server.config.secured, server.config.request_timeout);
        let cx = request::context(&server.requests, request, conn.peer(), secured, timeout);
        let key = conn.begin(request, cx.weak());
        let (conn, http1) = (conn.clone(), is_http1(request));
        Self { conn, key, http1, upgraded: false, cx, complete: AtomicBool::new(false) }
    }

    /// Returns the request's context with its state.
    pub(crate) fn context(&self) -> &AttachedContext<RequestState> {
        &self.cx
    }

    /// Records that the whole response was handed over.
    ///
    /// A client that disconnects afterwards has not left early.
    pub(crate) fn complete(&self) {
        self.complete.store(true, Ordering::Relaxed);
    }

    pub(crate) fn conn(&self) -> &Arc<Conn> {
        &self.conn
    }

    /// Returns the method and the path for a log event.
    pub(crate) fn name(&self) -> (Method, String) {
        let name = |open: &OpenRequest| (open.method.clone(), open.path.clone());
        self.conn.with_activity(|activity| activity.request(self.key).map(name)).unwrap_or_default()
    }

    /// Records that the request has upgraded its connection. It stays in flight until that is
    /// closed.
    pub(crate) fn upgrade(mut self, to: &str) {
        self.upgraded = true;
        // The response is out. The upgraded connection is bounded by its handler and the drain.
        self.cx.lift_timeout();
        self.conn.upgrade(self.key, to, self.cx.context());
    }
}

impl Drop for InFlightRequest {
    fn drop(&mut self) {
        self.cx.mark_answered();
        if self.upgraded {
            return;
        }
        // Mostly no other holder is left, and a cancel would have no effect.
        if !self.cx.is_unique() {
            if *self.complete.get_mut() {
                self.cx.context().cancel(RequestEnded);
            } else {
                self.cx.context().cancel(ClientGone);
            }
        }
        if self.http1 {
            self.conn.finish_on_flush(self.key);
        } else {
            self.conn.finish(self.key);
        }
    }
}
