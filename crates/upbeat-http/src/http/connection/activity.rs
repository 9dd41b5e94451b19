use std::{fmt, mem, time::Duration};

use http::Method;
use slab::Slab;
use tokio::{task::AbortHandle, time::Instant};
use upbeat::{attachment::WeakAttachedContext, diagnostics::Probe};

use super::inbound::{BodyFraming, Inbound};
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
    /// The position of an HTTP/1 client within its requests.
    inbound: Inbound,
    /// A body has ended after its response. Its engine tells the service of the end with the next
    /// request only.
    late_body: bool,
    /// The time since which the engine has waited for more of a request's body, while no byte has
    /// moved.
    awaited: Option<Instant>,
    /// The time since which the peer has accepted no byte of what was written.
    blocked: Option<Instant>,
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
    /// The rest of a request body after the response.
    Tail,
    /// At least one request is in flight, or the connection was upgraded.
    Busy,
}

/// The bytes that do not move although the server is ready for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standstill {
    RequestBody,
    Response,
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
    /// The task of an HTTP/2 request. Its end resets the stream, unless all of the response is with
    /// the engine.
    pub(super) task: Option<AbortHandle>,
    /// The last state of the bytes that the client has not admitted, and the first time of that.
    standstill: Option<(u32, Instant)>,
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

    /// Returns whether bytes of the response have stood still for `limit`, by the checks so far.
    ///
    /// Without bytes the response is complete, or the service has not produced more.
    pub(super) fn stands_still(&mut self, now: Instant, limit: Duration) -> bool {
        let Some(moves) = self.state.with(|state| state.unsent.moves()).flatten() else {
            self.standstill = None;
            return false;
        };
        match self.standstill {
            Some((seen, since)) if seen == moves => now.saturating_duration_since(since) >= limit,
            _ => {
                self.standstill = Some((moves, now));
                false
            }
        }
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
            inbound: Inbound::new(),
            late_body: false,
            awaited: None,
            blocked: None,
            peer_closed: false,
            spare: String::new(),
        }
    }

    pub(crate) fn state(&self) -> ActivityState {
        self.state
    }

    /// Returns the start of the present state.
    ///
    /// It has no meaning in [`ActivityState::Busy`].
    pub(crate) fn since(&self) -> Instant {
        self.since
    }

    /// Returns the bytes that the connection waits for, and the time since which none has moved.
    pub(crate) fn standstill(&self) -> Option<(Standstill, Instant)> {
        match (self.blocked, self.awaited) {
            (Some(blocked), Some(awaited)) if awaited < blocked => Some((Standstill::RequestBody, awaited)),
            (Some(blocked), _) => Some((Standstill::Response, blocked)),
            (None, Some(awaited)) => Some((Standstill::RequestBody, awaited)),
            (None, None) => None,
        }
    }

    /// Returns whether the connection waits for its peer in the midst of something.
    pub(super) fn awaits_peer(&self) -> bool {
        matches!(self.state, ActivityState::Head | ActivityState::Tail)
            || self.blocked.is_some()
            || self.awaited.is_some()
    }

    /// Returns whether the rest of a request's body is still to come.
    pub(super) fn is_in_body(&self) -> bool {
        self.inbound.is_in_body()
    }

    pub(super) fn is_write_blocked(&self) -> bool {
        self.blocked.is_some()
    }

    /// Records that nothing has arrived for a reader of the connection.
    pub(super) fn read_blocked(&mut self, now: impl FnOnce() -> Instant) {
        if self.inbound.is_in_body() && self.awaited.is_none() {
            self.awaited = Some(now());
        }
    }

    /// Records that the peer accepts no more bytes.
    pub(super) fn write_blocked(&mut self, now: impl FnOnce() -> Instant) {
        if self.blocked.is_none() {
            self.blocked = Some(now());
        }
    }

    /// Records that the peer has accepted bytes.
    pub(super) fn written(&mut self, now: impl FnOnce() -> Instant) {
        self.blocked = None;
        if let Some(awaited) = &mut self.awaited {
            *awaited = now();
        }
    }

    /// Records that all that was written is accepted. An engine flushes without a write, too.
    pub(super) fn write_unblocked(&mut self) {
        self.blocked = None;
    }

    /// Records that no more of the requests is read.
    pub(crate) fn stop_reading(&mut self) {
        self.inbound.ignore();
        self.awaited = None;
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

    /// Records the task of an HTTP/2 request.
    pub(super) fn spawned(&mut self, key: usize, task: AbortHandle) {
        if let Some(open) = self.open.get_mut(key) {
            open.task = Some(task);
        }
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
        // HTTP/2 reads frames at any time. Its requests are recorded once they are complete.
        self.protocol = Protocol::Http2;
        self.inbound.ignore();
    }

    /// Records bytes from the peer.
    pub(super) fn received(&mut self, bytes: &[u8], now: impl FnOnce() -> Instant) {
        self.awaited = None;
        self.inbound.follow(bytes);
        let state = self.state_without_request();
        // A head that has begun keeps its beginning, whatever arrives.
        if matches!(self.state, ActivityState::Idle | ActivityState::Tail) && state != self.state {
            self.late_body |= self.state == ActivityState::Tail;
            self.enter(state, now());
        }
    }

    /// Returns the state if no request is in flight.
    fn state_without_request(&self) -> ActivityState {
        if self.inbound.is_in_body() {
            ActivityState::Tail
        } else if self.inbound.is_in_head() {
            ActivityState::Head
        } else {
            ActivityState::Idle
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
        body: BodyFraming,
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
        self.inbound.begin(body);
        self.late_body = false;
        self.state = ActivityState::Busy;
        let path = excerpt(path, mem::take(&mut self.spare));
        let open = OpenRequest {
            method,
            path,
            started,
            upgraded: None,
            stall_reported: false,
            task: None,
            standstill: None,
            state,
        };
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
            self.enter(self.state_without_request(), now());
        }
        finished
    }

    pub(super) fn upgrade(&mut self, key: usize, to: &str) {
        self.stop_reading();
        if let Some(open) = self.open.get_mut(key) {
            open.upgraded = Some(excerpt(to, String::new()).into());
        }
    }

    /// Returns whether closing the socket now could destroy a response in flight.
    ///
    /// The peer may still be sending. A kernel that receives bytes for a closed socket resets the
    /// connection, and the peer then discards what it has received.
    pub(crate) fn may_still_send(&self) -> bool {
        !self.inbound.is_at_boundary()
    }

    pub(crate) fn has_peer_closed(&self) -> bool {
        self.peer_closed
    }

    /// Returns whether an HTTP/1 connection is between two requests and could change its engine.
    pub(crate) fn is_between_requests(&self) -> bool {
        self.state == ActivityState::Idle && self.inbound.is_at_boundary() && !self.late_body && !self.peer_closed
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
