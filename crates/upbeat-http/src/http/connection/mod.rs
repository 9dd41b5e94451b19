//! The connections of a run: their registry, and the state of each.

mod activity;
mod in_flight;
mod inbound;
mod registry;
mod server_state;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering},
    },
    task::Waker,
    time::Duration,
};

use http::{Request, Version};
use http_body::Body;
use parking_lot::{Mutex, MutexGuard};
use tokio::{task::AbortHandle, time::Instant};
use upbeat::{Context, attachment::WeakAttachedContext, diagnostics::WorkList};

use self::inbound::BodyFraming;
pub(crate) use activity::{Activity, ActivityState, Standstill};
pub(crate) use in_flight::InFlightRequest;
pub(crate) use registry::{CutOnDrop, Membership, Registry};
pub(crate) use server_state::ServerState;

use crate::{
    http::request::{CutRequest, RequestEnded, RequestState, StalledRequest},
    listen::Peer,
    targets,
};

/// A response of 101 (or a tunnel) was returned. Its head may not be written yet.
const UPGRADING: u8 = 1;
/// The head was written. The next bytes are those of the new protocol.
const UPGRADED: u8 = 2;
/// The new protocol is WebSocket.
const WEBSOCKET: u8 = 4;
/// The drain deadline of this connection has passed: it may neither read nor write.
const CUT: u8 = 8;
/// The request's body stands still: the next read fails.
const READ_TIMED_OUT: u8 = 16;

/// The connection waits for its peer in the midst of something, so that its deadline may be near.
const AWAITS_PEER: u8 = 1;
/// The rest of a request's body is still to come.
const IN_BODY: u8 = 2;
/// Bytes are awaited in one of the directions, and none moves.
const STANDS_STILL: u8 = 4;
/// The peer accepts no bytes.
const WRITE_BLOCKED: u8 = 8;

/// The result of [`Conn::reset_standing`].
pub(crate) struct StandingStreams {
    /// The number of streams that stand still and cannot be reset: the engine has all their bytes.
    pub(crate) stuck: usize,
    /// The number of streams that do not stand still.
    pub(crate) others: usize,
}

/// No request.
const NONE: usize = usize::MAX;

/// The state of one connection, shared by its driver, its wire, its requests and the server.
///
/// The lock is taken a few times per request, nearly always by the connection's own task.
#[derive(Debug)]
pub(crate) struct Conn {
    server: Arc<ServerState>,
    peer: Peer,
    /// Flags that are read too often to take the lock.
    ///
    /// A reader of a bit acts on that bit alone, so that the bits publish no other data except the
    /// wakers. Wakers are stored before the bits are read and taken after a bit is set, both under
    /// the lock.
    bits: AtomicU8,
    /// Properties of the activity that are read without the lock.
    ///
    /// They are exact for the connection's own task, the only one that sets them.
    hints: AtomicU8,
    /// The HTTP/1 request whose response was handed over and is not yet with the kernel, or
    /// [`NONE`].
    ///
    /// It stays here for a client that does not read. Only the connection's own task uses it.
    unflushed: AtomicUsize,
    /// An HTTP/1 request is in flight. Only the connection's own task uses it.
    answering: AtomicBool,
    /// The [`Expectation`] of the HTTP/1 request in flight. Only the connection's own task uses it.
    expectation: AtomicU8,
    state: Mutex<State>,
}

/// The progress of a status of 100, for which a client of HTTP/1 waits before it sends its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expectation {
    /// The client does not wait.
    None,
    /// Neither has the service read the body, nor has it dropped it.
    Awaited,
    /// The engine reads on: the service has dropped the body, or the status is to be sent.
    Read,
    /// The status was sent.
    Met,
}

#[derive(Debug)]
struct State {
    activity: Activity,
    driver: Option<Waker>,
    /// The tasks that wait to read and to write an upgraded connection, which has no driver.
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// The context of the request that upgraded the connection. It lives as long as the connection.
    upgraded: Option<Context>,
    /// The request that has begun last, until an HTTP/2 engine has spawned its task.
    unspawned: Option<usize>,
}

impl Conn {
    fn new(server: Arc<ServerState>, peer: Peer, now: Instant) -> Self {
        let activity = Activity::new(now);
        let state = State { activity, driver: None, reader: None, writer: None, upgraded: None, unspawned: None };
        Self {
            server,
            peer,
            bits: AtomicU8::new(0),
            hints: AtomicU8::new(0),
            unflushed: AtomicUsize::new(NONE),
            answering: AtomicBool::new(false),
            expectation: AtomicU8::new(Expectation::None as u8),
            state: Mutex::new(state),
        }
    }

    pub(crate) fn server(&self) -> &ServerState {
        &self.server
    }

    pub(crate) fn peer(&self) -> Peer {
        self.peer
    }

    /// Reads or changes the connection's activity under the lock.
    pub(crate) fn with_activity<T>(&self, f: impl FnOnce(&mut Activity) -> T) -> T {
        let mut state = self.lock();
        let result = f(&mut state.activity);
        let hints = hints(&state.activity);
        if hints != self.hints.load(Ordering::Relaxed) {
            self.hints.store(hints, Ordering::Relaxed);
        }
        result
    }

    fn hint(&self, hint: u8) -> bool {
        self.hints.load(Ordering::Relaxed) & hint != 0
    }

    /// Returns [`Activity::awaits_peer`] without the lock.
    pub(crate) fn awaits_peer(&self) -> bool {
        self.hint(AWAITS_PEER)
    }

    /// Records bytes from the peer; none means that the peer has closed its side.
    pub(crate) fn received(&self, bytes: &[u8]) {
        self.with_activity(|activity| {
            if bytes.is_empty() { activity.peer_closed() } else { activity.received(bytes, Instant::now) }
        });
    }

    /// Records that a reader waits for bytes.
    pub(crate) fn read_blocked(&self) {
        if self.hint(IN_BODY) {
            self.with_activity(|activity| activity.read_blocked(Instant::now));
        }
    }

    /// Records that a writer waits until the peer accepts bytes.
    pub(crate) fn write_blocked(&self) {
        if !self.hint(WRITE_BLOCKED) {
            self.with_activity(|activity| activity.write_blocked(Instant::now));
        }
    }

    /// Records that all that was written is with the kernel.
    pub(crate) fn write_unblocked(&self) {
        if self.hint(WRITE_BLOCKED) {
            self.with_activity(Activity::write_unblocked);
        }
    }

    /// Makes the read of the request's body fail, because none of it arrives.
    pub(crate) fn fail_read(&self) {
        self.with_activity(Activity::stop_reading);
        self.bits.fetch_or(READ_TIMED_OUT, Ordering::AcqRel);
    }

    /// Returns whether a read must fail now, and has it fail once.
    pub(crate) fn take_read_failure(&self) -> bool {
        self.has(READ_TIMED_OUT) && self.bits.fetch_and(!READ_TIMED_OUT, Ordering::AcqRel) & READ_TIMED_OUT != 0
    }

    /// Records that the kernel has all that was written.
    pub(crate) fn flushed(&self) {
        // Engines flush more often than they respond.
        if let Some(key) = self.take_unflushed() {
            self.answering.store(false, Ordering::Relaxed);
            let finished = self.with_activity(|activity| activity.finish(key, Instant::now));
            self.count_finished(finished);
        }
        if self.is_upgrading() {
            self.bits.fetch_or(UPGRADED, Ordering::AcqRel);
        }
    }

    /// Records a request whose head is complete, and returns its key.
    fn begin<B: Body>(&self, request: &Request<B>, state: WeakAttachedContext<RequestState>) -> usize {
        // Without the query, which may hold secrets.
        let path = request.uri().path();
        let body = BodyFraming::of(request.body());
        let (key, finished) = self.with_activity(|activity| {
            let unflushed = self.take_unflushed();
            activity.begin(request.method().clone(), path, body, state, unflushed, Instant::now)
        });
        self.count_finished(finished);
        let http1 = is_http1(request);
        self.answering.store(http1, Ordering::Relaxed);
        if !http1 {
            self.lock().unspawned = Some(key);
        }
        key
    }

    /// Records the task that an HTTP/2 engine spawns for the request that has begun last.
    pub(crate) fn spawned(&self, task: AbortHandle) {
        let mut state = self.lock();
        if let Some(key) = state.unspawned.take() {
            state.activity.spawned(key, task);
        }
    }

    /// Resets the HTTP/2 streams whose responses have stood still for `limit`.
    pub(crate) fn reset_standing(&self, now: Instant, limit: Duration) -> StandingStreams {
        let mut reset = Vec::new();
        let mut streams = StandingStreams { stuck: 0, others: 0 };
        let mut state = self.lock();
        for open in state.activity.open_mut() {
            if !open.stands_still(now, limit) {
                streams.others += 1;
                continue;
            }
            match &open.task {
                Some(task) if !task.is_finished() => reset.push(task.clone()),
                _ => streams.stuck += 1,
            }
        }
        drop(state);
        for task in reset {
            tracing::debug!(target: targets::CONNECTION, peer = %self.peer, "stream reset: transfer timed out");
            task.abort();
        }
        streams
    }

    /// Finishes an HTTP/1 request with the next flush.
    fn finish_on_flush(&self, key: usize) {
        self.unflushed.store(key, Ordering::Relaxed);
    }

    fn finish(&self, key: usize) {
        let finished = self.with_activity(|activity| activity.finish(key, Instant::now));
        self.count_finished(finished);
    }

    fn upgrade(&self, key: usize, to: &str, cx: Context) {
        self.with_activity(|activity| activity.upgrade(key, to));
        self.lock().upgraded = Some(cx);
        let websocket = if to.eq_ignore_ascii_case("websocket") { WEBSOCKET } else { 0 };
        self.bits.fetch_or(UPGRADING | websocket, Ordering::AcqRel);
    }

    /// Ends the context of the request that upgraded the connection.
    fn end_upgrade(&self) {
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

    fn count_finished(&self, finished: bool) {
        if finished {
            self.server.count_finished();
        }
    }

    /// Returns whether an HTTP/1 request is in flight and its response is not yet with the kernel.
    pub(crate) fn is_answering(&self) -> bool {
        self.answering.load(Ordering::Relaxed) && !self.is_upgrading()
    }

    /// Records whether the client of the HTTP/1 request in flight waits for a status of 100.
    pub(crate) fn expect(&self, awaits: bool) {
        self.set_expectation(if awaits { Expectation::Awaited } else { Expectation::None });
    }

    pub(crate) fn expectation(&self) -> Expectation {
        let expectation = self.expectation.load(Ordering::Relaxed);
        let all = [Expectation::Awaited, Expectation::Read, Expectation::Met];
        all.into_iter().find(|one| *one as u8 == expectation).unwrap_or(Expectation::None)
    }

    /// Records that an engine reads from the socket.
    pub(crate) fn reading(&self) {
        if self.expectation.load(Ordering::Relaxed) == Expectation::Awaited as u8 {
            self.set_expectation(Expectation::Read);
        }
    }

    /// Records that an engine has written to the socket. Before the response, that is the status of
    /// 100.
    pub(crate) fn written(&self) {
        if self.hint(STANDS_STILL) {
            self.with_activity(|activity| activity.written(Instant::now));
        }
        if self.expectation.load(Ordering::Relaxed) != Expectation::None as u8 {
            self.set_expectation(Expectation::Met);
        }
    }

    fn set_expectation(&self, expectation: Expectation) {
        self.expectation.store(expectation as u8, Ordering::Relaxed);
    }

    pub(crate) fn is_upgrading(&self) -> bool {
        self.has(UPGRADING)
    }

    pub(crate) fn is_upgraded(&self) -> bool {
        self.has(UPGRADED)
    }

    pub(crate) fn is_websocket(&self) -> bool {
        self.has(WEBSOCKET)
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.has(CUT)
    }

    fn has(&self, bit: u8) -> bool {
        self.bits.load(Ordering::Acquire) & bit != 0
    }

    pub(crate) fn set_driver(&self, waker: &Waker) {
        self.lock().driver = Some(waker.clone());
    }

    pub(crate) fn set_reader(&self, waker: &Waker) {
        store(&mut self.lock().reader, waker);
    }

    pub(crate) fn set_writer(&self, waker: &Waker) {
        store(&mut self.lock().writer, waker);
    }

    /// Wakes the tasks of this connection, so that they see the drain and the cut.
    pub(crate) fn wake(&self) {
        let wakers = {
            let mut state = self.lock();
            [state.driver.clone(), state.reader.take(), state.writer.take()]
        };
        for waker in wakers.into_iter().flatten() {
            waker.wake();
        }
    }

    /// Lists the requests in flight.
    fn list_requests(&self, work: &mut WorkList) {
        for open in self.lock().activity.open() {
            work.add(open.started, || open.to_string(), open.probe());
        }
    }

    /// Adds the requests that have exceeded the limit, each once, except upgraded ones.
    fn take_stalled(&self, now: Instant, limit: Duration, max: usize, stalled: &mut Vec<StalledRequest>) {
        let mut state = self.lock();
        let requests = state.activity.open_mut();
        for open in requests.filter(|open| !open.stall_reported && open.upgraded.is_none()) {
            let taken = now.saturating_duration_since(open.started);
            if taken >= limit && stalled.len() < max {
                open.stall_reported = true;
                let (method, path, id) = (open.method.clone(), open.path.clone(), open.id());
                stalled.push(StalledRequest { method, path, taken, id, probe: open.probe() });
            } else if taken >= limit / 2
                && let Some(probe) = open.probe()
            {
                // A poll is timed from the first probe on. This one makes the later answer exact to
                // half of the limit.
                probe.busy();
            }
        }
    }

    /// Cuts the connection. Returns the requests that were in flight, none of which can finish now.
    fn cut(&self, now: Instant) -> Vec<CutRequest> {
        let requests = {
            let state = self.lock();
            self.bits.fetch_or(CUT, Ordering::AcqRel);
            state.activity.open().map(|open| open.to_cut(self.peer, now)).collect()
        };
        self.wake();
        requests
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

fn hints(activity: &Activity) -> u8 {
    let hint = |is_set: bool, hint: u8| if is_set { hint } else { 0 };
    hint(activity.awaits_peer(), AWAITS_PEER)
        | hint(activity.is_in_body(), IN_BODY)
        | hint(activity.standstill().is_some(), STANDS_STILL)
        | hint(activity.is_write_blocked(), WRITE_BLOCKED)
}

fn store(slot: &mut Option<Waker>, waker: &Waker) {
    if !slot.as_ref().is_some_and(|stored| stored.will_wake(waker)) {
        *slot = Some(waker.clone());
    }
}

fn is_http1<B>(request: &Request<B>) -> bool {
    request.version() < Version::HTTP_2
}
