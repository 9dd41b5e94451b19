use std::{fmt, mem};

use http::Method;
use slab::Slab;
use tokio::time::Instant;
use upbeat::{carrier::WeakCarrier, probe::Probe};

use super::{request::Known, request_id::RequestId};

/// What one connection is doing. Pure: it is told what happened and knows no clock.
#[derive(Debug)]
pub(super) struct Activity {
    phase: Phase,
    since: Instant,
    open: Slab<Open>,
    protocol: Protocol,
    /// Bytes beyond the request in flight have arrived: the next one has begun.
    ahead: bool,
    /// The last HTTP/1 request had a body, some of which may still be on its way.
    had_body: bool,
    peer_closed: bool,
    /// The last request's path, for its memory.
    spare: String,
}

/// What a connection is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing: it has sent nothing yet, or everything it asked for is answered.
    Quiet,
    /// The rest of a request head, of a TLS handshake, or of HTTP/2's opening.
    Head,
    /// More bytes after an answer was given before its request's body had ended: that body, or the next head.
    Tail,
    /// At least one request is in flight, or the connection was upgraded.
    Busy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// A request in flight.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) started: Instant,
    /// What the connection became by this request, such as `websocket`.
    pub(super) upgraded: Option<Box<str>>,
    /// Somebody was told that it takes too long.
    pub(super) told: bool,
    known: WeakCarrier<Known>,
}

impl Open {
    /// By what the handler is asked where it waits; `None` when it has answered.
    pub(super) fn probe(&self) -> Option<Probe> {
        if self.known.look(Known::has_answered)? { None } else { self.known.probe() }
    }

    /// Its id, while its context is there.
    pub(super) fn id(&self) -> Option<RequestId> {
        self.known.look(|known| known.id.clone())
    }
}

impl fmt::Display for Open {
    /// `websocket GET /news`
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
            phase: Phase::Quiet,
            since: now,
            // HTTP/1 never needs a second place, and a slab's own first growth makes four.
            open: Slab::with_capacity(1),
            protocol: Protocol::Http1,
            ahead: false,
            had_body: false,
            peer_closed: false,
            spare: String::new(),
        }
    }

    pub(super) fn phase(&self) -> Phase {
        self.phase
    }

    /// When the present phase began; for [`Phase::Tail`] when the last bytes came. Says nothing in [`Phase::Busy`].
    pub(super) fn since(&self) -> Instant {
        self.since
    }

    /// Whether the rest of something that was begun is waited for.
    pub(super) fn awaits_rest(&self) -> bool {
        matches!(self.phase, Phase::Head | Phase::Tail)
    }

    pub(super) fn open(&self) -> impl Iterator<Item = &Open> {
        self.open.iter().map(|(_, open)| open)
    }

    pub(super) fn open_mut(&mut self) -> impl Iterator<Item = &mut Open> {
        self.open.iter_mut().map(|(_, open)| open)
    }

    pub(super) fn open_count(&self) -> usize {
        self.open.len()
    }

    pub(super) fn request(&self, key: usize) -> Option<&Open> {
        self.open.get(key)
    }

    /// The connection waits for the rest of something that is not a request in flight.
    pub(super) fn head_begins(&mut self, now: Instant) {
        if self.phase == Phase::Quiet {
            self.enter(Phase::Head, now);
        }
    }

    /// What was begun is complete, and nothing else has begun.
    pub(super) fn head_ends(&mut self, now: Instant) {
        if self.phase == Phase::Head {
            self.enter(Phase::Quiet, now);
        }
    }

    pub(super) fn speaks_http2(&mut self) {
        self.protocol = Protocol::Http2;
    }

    /// Bytes from the peer.
    pub(super) fn received(&mut self, now: impl FnOnce() -> Instant) {
        if self.protocol == Protocol::Http2 {
            // HTTP/2 reads frames at any time; its requests are known when they are whole.
            return;
        }
        match self.phase {
            Phase::Quiet if self.had_body => self.enter(Phase::Tail, now()),
            Phase::Quiet => self.enter(Phase::Head, now()),
            Phase::Tail => self.since = now(),
            Phase::Head => {}
            Phase::Busy => self.ahead |= !self.had_body,
        }
    }

    pub(super) fn peer_closed(&mut self) {
        self.peer_closed = true;
    }

    /// A request head is complete. `unflushed` is the HTTP/1 request whose answer was handed over and not yet flushed. Returns the request's
    /// key, and whether another request was finished by that.
    pub(super) fn begin(
        &mut self,
        method: Method,
        path: &str,
        has_body: bool,
        known: WeakCarrier<Known>,
        unflushed: Option<usize>,
        now: impl FnOnce() -> Instant,
    ) -> (usize, bool) {
        // A pipelined request may come before the last answer is flushed; the flush then counts for both.
        let finished = unflushed.is_some_and(|key| self.remove(key));
        // With HTTP/1 the request began with its head's first byte.
        let one_head = self.phase == Phase::Head && self.protocol == Protocol::Http1;
        let started = if one_head { self.since } else { now() };
        self.had_body = has_body;
        self.ahead = false;
        self.phase = Phase::Busy;
        let path = excerpt(path, mem::take(&mut self.spare));
        let key = self.open.insert(Open { method, path, started, upgraded: None, told: false, known });
        (key, finished)
    }

    /// The answer was handed over (or given up), and with HTTP/1 all that was written is with the kernel. Returns whether the request is
    /// finished by that.
    pub(super) fn finish(&mut self, key: usize, now: impl FnOnce() -> Instant) -> bool {
        let finished = self.remove(key);
        if self.open.is_empty() {
            self.enter(if self.ahead { Phase::Head } else { Phase::Quiet }, now());
        }
        finished
    }

    pub(super) fn upgrade(&mut self, key: usize, to: &str) {
        if let Some(open) = self.open.get_mut(key) {
            open.upgraded = Some(excerpt(to, String::new()).into());
        }
    }

    /// Whether closing the socket now could destroy an answer on its way: the peer may still be sending, and a
    /// kernel that gets bytes for a closed socket tells the peer to forget what it has.
    pub(super) fn may_still_send(&self) -> bool {
        self.had_body || self.ahead || self.awaits_rest()
    }

    pub(super) fn has_peer_closed(&self) -> bool {
        self.peer_closed
    }

    /// The connection's engine is gone: what comes next begins a request, whatever the last one was.
    pub(super) fn lost_engine(&mut self) {
        self.had_body = false;
    }

    /// Whether an HTTP/1 connection could be taken from its engine between two requests and given to a new one.
    pub(super) fn is_between_requests(&self) -> bool {
        self.phase == Phase::Quiet && !self.had_body && !self.peer_closed && self.protocol == Protocol::Http1
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

    fn enter(&mut self, phase: Phase, now: Instant) {
        self.phase = phase;
        self.since = now;
    }
}

/// The path as reports show it, in the memory of an earlier one. A copy, because the original would pin the engine's read buffer.
fn excerpt(path: &str, mut memory: String) -> String {
    const LONGEST: usize = 120;
    memory.clear();
    if path.len() <= LONGEST {
        memory.push_str(path);
    } else {
        memory.extend(path.chars().take(LONGEST));
        memory.push('…');
    }
    memory
}
