use std::{fmt, mem};

use http::Method;
use slab::Slab;
use tokio::time::Instant;
use upbeat::{attachment::WeakAttachedContext, diagnostics::Probe};

use crate::{
    http::request::{CutRequest, RequestId, RequestState},
    listen::Peer,
};

/// The activity of one connection. Pure: events and times are passed in.
#[derive(Debug)]
pub(crate) struct Activity {
    state: ActivityState,
    since: Instant,
    open: Slab<OpenRequest>,
    protocol: Protocol,
    /// Bytes beyond the request in flight have arrived: the next request has begun.
    ahead: bool,
    /// The last HTTP/1 request had a body, some of which may still be in flight.
    had_body: bool,
    peer_closed: bool,
    /// The last request's path, whose memory the next one reuses.
    spare: String,
}

/// The input that a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ActivityState {
    /// None: the peer has sent nothing yet, or all its requests are answered.
    Idle,
    /// The rest of a request head, of a TLS handshake, or of HTTP/2's opening.
    Head,
    /// The rest of a request body after the response, or the next head.
    Tail,
    /// At least one request is in flight, or the connection was upgraded.
    Busy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Http1,
    Http2,
}

/// A request in flight, as the connection's activity records it.
#[derive(Debug)]
pub(crate) struct OpenRequest {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) started: Instant,
    /// The protocol that the connection was upgraded to, such as `websocket`.
    pub(super) upgraded: Option<Box<str>>,
    /// The request was logged as stalled.
    pub(super) stall_reported: bool,
    state: WeakAttachedContext<RequestState>,
}

impl OpenRequest {
    /// Returns the probe of the handler; `None` if it has returned.
    pub(super) fn probe(&self) -> Option<Probe> {
        if self.state.with(RequestState::has_answered)? { None } else { self.state.probe() }
    }

    /// Returns the request's id while its context exists.
    pub(super) fn id(&self) -> Option<RequestId> {
        self.state.with(|state| state.id.clone())
    }

    pub(super) fn to_cut(&self, peer: Peer, now: Instant) -> CutRequest {
        CutRequest {
            method: self.method.clone(),
            path: self.path.clone(),
            age: now.saturating_duration_since(self.started),
            upgraded: self.upgraded.as_deref().map(str::to_owned),
            peer,
        }
    }
}

impl fmt::Display for OpenRequest {
    /// Writes `websocket GET /news`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(upgraded) = &self.upgraded {
            write!(f, "{upgraded} ")?;
        }
        write!(f, "{} {}", self.method, self.path)
    }
}

impl Activity {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            state: ActivityState::Idle,
            since: now,
            // HTTP/1 never needs a second slot, and a slab's own first growth makes four.
            open: Slab::with_capacity(1),
            protocol: Protocol::Http1,
            ahead: false,
            had_body: false,
            peer_closed: false,
            spare: String::new(),
        }
    }

    pub(crate) fn state(&self) -> ActivityState {
        self.state
    }

    /// Returns the start of the present state; for [`ActivityState::Tail`], the time of the last
    /// bytes.
    ///
    /// It has no meaning in [`ActivityState::Busy`].
    pub(crate) fn since(&self) -> Instant {
        self.since
    }

    /// Returns whether the connection waits for the rest of something that has begun.
    pub(super) fn awaits_rest(&self) -> bool {
        matches!(self.state, ActivityState::Head | ActivityState::Tail)
    }

    pub(super) fn open(&self) -> impl Iterator<Item = &OpenRequest> {
        self.open.iter().map(|(_, open)| open)
    }

    pub(super) fn open_mut(&mut self) -> impl Iterator<Item = &mut OpenRequest> {
        self.open.iter_mut().map(|(_, open)| open)
    }

    pub(super) fn open_count(&self) -> usize {
        self.open.len()
    }

    pub(super) fn request(&self, key: usize) -> Option<&OpenRequest> {
        self.open.get(key)
    }

    /// Records that the connection waits for the rest of something other than a request in flight.
    pub(crate) fn head_begins(&mut self, now: Instant) {
        if self.state == ActivityState::Idle {
            self.enter(ActivityState::Head, now);
        }
    }

    /// Records that what had begun is complete and that nothing else has begun.
    pub(crate) fn head_ends(&mut self, now: Instant) {
        if self.state == ActivityState::Head {
            self.enter(ActivityState::Idle, now);
        }
    }

    pub(crate) fn speaks_http2(&mut self) {
        self.protocol = Protocol::Http2;
    }

    /// Records bytes from the peer.
    pub(super) fn received(&mut self, now: impl FnOnce() -> Instant) {
        if self.protocol == Protocol::Http2 {
            // HTTP/2 reads frames at any time. Its requests are recorded once they are complete.
            return;
        }
        match self.state {
            ActivityState::Idle if self.had_body => self.enter(ActivityState::Tail, now()),
            ActivityState::Idle => self.enter(ActivityState::Head, now()),
            ActivityState::Tail => self.since = now(),
            ActivityState::Head => {}
            ActivityState::Busy => self.ahead |= !self.had_body,
        }
    }

    pub(super) fn peer_closed(&mut self) {
        self.peer_closed = true;
    }

    /// Records a request whose head is complete.
    ///
    /// `unflushed` is the HTTP/1 request whose response was handed over and is not yet flushed.
    /// Returns the request's key, and whether this has finished that other request.
    pub(super) fn begin(
        &mut self,
        method: Method,
        path: &str,
        has_body: bool,
        state: WeakAttachedContext<RequestState>,
        unflushed: Option<usize>,
        now: impl FnOnce() -> Instant,
    ) -> (usize, bool) {
        // A pipelined request may begin before the last response is flushed. The flush then counts
        // for both.
        let finished = unflushed.is_some_and(|key| self.remove(key));
        // An HTTP/1 request begins with the first byte of its head.
        let one_head = self.state == ActivityState::Head && self.protocol == Protocol::Http1;
        let started = if one_head { self.since } else { now() };
        self.had_body = has_body;
        self.ahead = false;
        self.state = ActivityState::Busy;
        let path = excerpt(path, mem::take(&mut self.spare));
        let open = OpenRequest { method, path, started, upgraded: None, stall_reported: false, state };
        let key = self.open.insert(open);
        (key, finished)
    }

    /// Records that the response was handed over or given up.
    ///
    /// With HTTP/1, the kernel must have all that was written. Returns whether this has finished
    /// the request.
    pub(super) fn finish(&mut self, key: usize, now: impl FnOnce() -> Instant) -> bool {
        let finished = self.remove(key);
        if self.open.is_empty() {
            self.enter(if self.ahead { ActivityState::Head } else { ActivityState::Idle }, now());
        }
        finished
    }

    pub(super) fn upgrade(&mut self, key: usize, to: &str) {
        if let Some(open) = self.open.get_mut(key) {
            open.upgraded = Some(excerpt(to, String::new()).into());
        }
    }

    /// Returns whether closing the socket now could destroy a response in flight.
    ///
    /// The peer may still be sending. A kernel that receives bytes for a closed socket resets the
    /// connection, and the peer then discards what it has received.
    pub(crate) fn may_still_send(&self) -> bool {
        self.had_body || self.ahead || self.awaits_rest()
    }

    pub(crate) fn has_peer_closed(&self) -> bool {
        self.peer_closed
    }

    /// Records that the connection's engine was dropped: the next bytes begin a request.
    pub(crate) fn lost_engine(&mut self) {
        self.had_body = false;
    }

    /// Returns whether an HTTP/1 connection is between two requests and could change its engine.
    pub(crate) fn is_between_requests(&self) -> bool {
        self.state == ActivityState::Idle && !self.had_body && !self.peer_closed && self.protocol == Protocol::Http1
    }

    fn remove(&mut self, key: usize) -> bool {
        match self.open.try_remove(key) {
            Some(open) => {
                self.spare = open.path;
                true
            }
            None => false,
        }
    }

    fn enter(&mut self, state: ActivityState, now: Instant) {
        self.state = state;
        self.since = now;
    }
}

/// Returns the path as reports show it, in the memory of an earlier one.
///
/// A copy, because the original would pin the engine's read buffer.
fn excerpt(path: &str, mut memory: String) -> String {
    const MAX_CHARS: usize = 120;
    memory.clear();
    if path.len() <= MAX_CHARS {
        memory.push_str(path);
    } else {
        memory.extend(path.chars().take(MAX_CHARS));
        memory.push('…');
    }
    memory
}
