use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering},
    },
    task::Waker,
    time::Duration,
};

use http::{Method, Request, Version};
use http_body::Body;
use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;
use upbeat::{Context, WorkList, carrier::Carrier};

use super::{
    activity::{Activity, Open},
    drain::CutRequest,
    registry::Shared,
    request::{self, ClientGone, Known, RequestEnded},
    stall::Stalled,
};
use crate::listen::Peer;

/// An answer of 101 (or a tunnel) was given; its head may still have to be written.
const UPGRADING: u8 = 1;
/// The head was written: what follows is the new protocol's.
const UPGRADED: u8 = 2;
/// The new protocol is WebSocket.
const WEBSOCKET: u8 = 4;
/// The drain deadline has passed for this connection: it may neither read nor write.
const CUT: u8 = 8;

/// No request.
const NONE: usize = usize::MAX;

/// One connection, as all who have a hand in it see it: its driver, its wire, its requests, and the server that drains it.
///
/// The lock is taken a few times per request and nearly always by the connection's own task.
#[derive(Debug)]
pub(super) struct Conn {
    shared: Arc<Shared>,
    peer: Peer,
    /// What is asked for too often to take the lock. Whoever acts on a bit acts on that bit alone, so nothing else is published
    /// through it, but the wakers: those are stored before the bits are read, and taken after a bit is set, both under the lock.
    bits: AtomicU8,
    awaits_rest: AtomicBool,
    /// The HTTP/1 request whose answer was handed over and is not yet with the kernel, or [`NONE`]. A reader that never reads stays here.
    /// Only the connection's own task uses it.
    unflushed: AtomicUsize,
    /// An HTTP/1 request is in flight. Only the connection's own task uses it.
    answering: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    activity: Activity,
    driver: Option<Waker>,
    /// Who waits for an upgraded connection to become readable or writable: its driver is gone.
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// The context of the request that upgraded it, which goes on as long as the connection.
    upgraded: Option<Context>,
}

impl Conn {
    pub(super) fn new(shared: Arc<Shared>, peer: Peer, now: Instant) -> Self {
        let state = State { activity: Activity::new(now), driver: None, reader: None, writer: None, upgraded: None };
        Self {
            shared,
            peer,
            bits: AtomicU8::new(0),
            awaits_rest: AtomicBool::new(false),
            unflushed: AtomicUsize::new(NONE),
            answering: AtomicBool::new(false),
            state: Mutex::new(state),
        }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(super) fn peer(&self) -> Peer {
        self.peer
    }

    /// Looks at, or changes, what the connection is doing.
    pub(super) fn activity<T>(&self, look: impl FnOnce(&mut Activity) -> T) -> T {
        let mut state = self.lock();
        let result = look(&mut state.activity);
        let awaits_rest = state.activity.awaits_rest();
        if awaits_rest != self.awaits_rest.load(Ordering::Relaxed) {
            self.awaits_rest.store(awaits_rest, Ordering::Relaxed);
        }
        result
    }

    /// [`Activity::awaits_rest`], without the lock. Exact for the connection's own task, which is the only one that begins to wait.
    pub(super) fn awaits_rest(&self) -> bool {
        self.awaits_rest.load(Ordering::Relaxed)
    }

    pub(super) fn received(&self, bytes: usize) {
        self.activity(|activity| if bytes == 0 { activity.peer_closed() } else { activity.received(Instant::now) });
    }

    /// All that was written is with the kernel.
    pub(super) fn flushed(&self) {
        // Engines flush more often than they answer.
        if let Some(key) = self.take_unflushed() {
            self.answering.store(false, Ordering::Relaxed);
            let finished = self.activity(|activity| activity.finish(key, Instant::now));
            self.finished(finished);
        }
        if self.is_upgrading() {
            self.bits.fetch_or(UPGRADED, Ordering::AcqRel);
        }
    }

    /// A request head is complete: counts it as in flight until the ticket is dropped.
    pub(super) fn begin<B: Body>(self: &Arc<Self>, request: &Request<B>) -> Ticket {
        let cx = request::context(&self.shared.requests, request, self.peer, self.shared.config.request_timeout);
        // Without the query, which may hold what must not stand in a log.
        let path = request.uri().path();
        let has_body = !request.body().is_end_stream();
        let (key, finished) = self.activity(|activity| {
            activity.begin(request.method().clone(), path, has_body, cx.weak(), self.take_unflushed(), Instant::now)
        });
        self.finished(finished);
        let http1 = request.version() < Version::HTTP_2;
        self.answering.store(http1, Ordering::Relaxed);
        Ticket { conn: self.clone(), key, http1, kept: false, cx, whole: AtomicBool::new(false) }
    }

    /// What an upgraded connection was for is over.
    pub(super) fn upgraded_ended(&self) {
        let upgraded = self.lock().upgraded.take();
        if let Some(cx) = upgraded {
            cx.cancel(RequestEnded);
        }
    }

    fn take_unflushed(&self) -> Option<usize> {
        let key = self.unflushed.load(Ordering::Relaxed);
        if key == NONE {
            return None;
        }
        self.unflushed.store(NONE, Ordering::Relaxed);
        Some(key)
    }

    fn finished(&self, finished: bool) {
        if finished {
            self.shared.count_finished();
        }
    }

    /// Whether an HTTP/1 request is in flight, and its answer not yet with the kernel.
    pub(super) fn is_answering(&self) -> bool {
        self.answering.load(Ordering::Relaxed) && !self.is_upgrading()
    }

    pub(super) fn is_upgrading(&self) -> bool {
        self.has(UPGRADING)
    }

    pub(super) fn is_upgraded(&self) -> bool {
        self.has(UPGRADED)
    }

    pub(super) fn is_websocket(&self) -> bool {
        self.has(WEBSOCKET)
    }

    pub(super) fn is_cut(&self) -> bool {
        self.has(CUT)
    }

    fn has(&self, bit: u8) -> bool {
        self.bits.load(Ordering::Acquire) & bit != 0
    }

    pub(super) fn set_driver(&self, waker: &Waker) {
        self.lock().driver = Some(waker.clone());
    }

    pub(super) fn set_reader(&self, waker: &Waker) {
        keep(&mut self.lock().reader, waker);
    }

    pub(super) fn set_writer(&self, waker: &Waker) {
        keep(&mut self.lock().writer, waker);
    }

    /// Wakes whoever drives this connection, so that they look at the stop and at the cut.
    pub(super) fn wake(&self) {
        let wakers = {
            let mut state = self.lock();
            [state.driver.clone(), state.reader.take(), state.writer.take()]
        };
        for waker in wakers.into_iter().flatten() {
            waker.wake();
        }
    }

    /// Lists the requests in flight.
    pub(super) fn list(&self, work: &mut WorkList) {
        for open in self.lock().activity.open() {
            work.add(open.started, || open.to_string(), open.probe());
        }
    }

    /// Adds the requests that have taken longer than the limit and were not told about, but for those that have become something else.
    pub(super) fn stalled(&self, now: Instant, limit: Duration, most: usize, stalled: &mut Vec<Stalled>) {
        for open in self.lock().activity.open_mut().filter(|open| !open.told && open.upgraded.is_none()) {
            let taken = now.saturating_duration_since(open.started);
            if taken >= limit && stalled.len() < most {
                open.told = true;
                let (method, path, id) = (open.method.clone(), open.path.clone(), open.id());
                stalled.push(Stalled { method, path, taken, id, probe: open.probe() });
            } else if taken >= limit / 2
                && let Some(probe) = open.probe()
            {
                // How long a poll has been running is known from the first look on: this one makes the answer true to half of the limit.
                probe.busy();
            }
        }
    }

    /// Ends the connection where it stands. Returns the requests that were in flight: from now on none of them can finish.
    pub(super) fn cut(&self, now: Instant) -> Vec<CutRequest> {
        let requests = {
            let state = self.lock();
            self.bits.fetch_or(CUT, Ordering::AcqRel);
            state.activity.open().map(|open| CutRequest::new(open, self.peer, now)).collect()
        };
        self.wake();
        requests
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

fn keep(place: &mut Option<Waker>, waker: &Waker) {
    if !place.as_ref().is_some_and(|kept| kept.will_wake(waker)) {
        *place = Some(waker.clone());
    }
}

/// A request in flight. Dropped when its answer was handed over whole, or given up.
#[derive(Debug)]
pub(super) struct Ticket {
    conn: Arc<Conn>,
    key: usize,
    http1: bool,
    kept: bool,
    cx: Carrier<Known>,
    /// The answer was handed over whole.
    whole: AtomicBool,
}

impl Ticket {
    /// The request's own context, and what it carries.
    pub(super) fn context(&self) -> &Carrier<Known> {
        &self.cx
    }

    /// The answer was handed over whole: whatever happens to the client now, it has not gone before its end.
    pub(super) fn is_whole(&self) {
        self.whole.store(true, Ordering::Relaxed);
    }

    pub(super) fn conn(&self) -> &Arc<Conn> {
        &self.conn
    }

    /// Method and path, for a log event.
    pub(super) fn name(&self) -> (Method, String) {
        let name = |open: &Open| (open.method.clone(), open.path.clone());
        self.conn.activity(|activity| activity.request(self.key).map(name)).unwrap_or_default()
    }

    /// The request has turned its connection into something else and is in flight until that is closed.
    pub(super) fn upgrade(mut self, to: &str) {
        self.kept = true;
        self.conn.activity(|activity| activity.upgrade(self.key, to));
        self.conn.lock().upgraded = Some(self.cx.context());
        let websocket = if to.eq_ignore_ascii_case("websocket") { WEBSOCKET } else { 0 };
        self.conn.bits.fetch_or(UPGRADING | websocket, Ordering::AcqRel);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.cx.is_answered();
        if !self.kept {
            // Nearly always nobody is left to be told.
            if self.cx.is_unique() {
            } else if *self.whole.get_mut() {
                self.cx.context().cancel(RequestEnded);
            } else {
                self.cx.context().cancel(ClientGone);
            }
            if self.http1 {
                self.conn.unflushed.store(self.key, Ordering::Relaxed);
            } else {
                let finished = self.conn.activity(|activity| activity.finish(self.key, Instant::now));
                self.conn.finished(finished);
            }
        }
    }
}
