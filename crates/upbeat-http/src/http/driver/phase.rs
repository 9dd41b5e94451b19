use std::{
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

use super::streams::StreamExecutor;
use crate::{
    http::{
        connection::{Activity, ActivityState, Conn, Standstill},
        service::{ConnectionService, HttpService},
        transport::{FirstBytes, Wire},
    },
    targets,
};

/// The time in which an HTTP/2 connection without requests is closed after GOAWAY.
const GOAWAY_TIMEOUT: Duration = Duration::from_secs(1);

/// More is no interval.
const MAX_PING_INTERVAL: Duration = Duration::from_hours(24);

/// The time in which a PING must be answered, in intervals of the keep-alive.
const PING_TIMEOUT: u32 = 2;

/// The time for which an idle HTTP/1 connection keeps its engine, whose buffers are about 16 KiB.
const ENGINE_IDLE_TIMEOUT: Duration = Duration::from_secs(1);

/// The time for which a connection is read after its last response.
///
/// Otherwise a reset by the kernel could destroy that response.
const LINGER_TIMEOUT: Duration = Duration::from_secs(1);

type Http1<S> = http1::UpgradeableConnection<TokioIo<Wire>, ConnectionService<S>>;
type Http2<S> = http2::Connection<TokioIo<Wire>, ConnectionService<S>, StreamExecutor>;

/// The present phase of a connection.
///
/// The engines are boxed, so that a connection without one is small.
pub(crate) enum ConnectionPhase<S: HttpService> {
    /// No engine: the protocol is not known yet, or the connection has been idle and its engine was
    /// dropped.
    Waiting {
        wire: Wire,
        service: ConnectionService<S>,
        fresh: bool,
    },
    #[cfg(feature = "tls")]
    TlsHandshake {
        handshake: crate::http::tls::TlsHandshake,
        service: ConnectionService<S>,
    },
    Http1(Box<Http1<S>>),
    Http2 {
        engine: Pin<Box<Http2<S>>>,
        goaway: Option<Instant>,
        /// The time of the last check for streams that stand still.
        checked: Instant,
    },
    /// The last response was sent, but the peer may still be sending.
    Lingering {
        wire: Wire,
        until: Instant,
        shut: bool,
    },
    Closed,
}

/// The result of a poll of a phase.
pub(super) enum PhaseStep {
    /// The phase is pending and will wake the task.
    Pending,
    /// Another phase has begun.
    Next,
    /// The connection is closed.
    Closed,
}

impl<S: HttpService> ConnectionPhase<S> {
    pub(crate) fn plain(wire: Wire, service: ConnectionService<S>) -> Self {
        Self::Waiting { wire, service, fresh: true }
    }

    #[cfg(feature = "tls")]
    pub(crate) fn tls(wire: Wire, acceptor: tokio_rustls::TlsAcceptor, service: ConnectionService<S>) -> Self {
        let handshake = crate::http::tls::TlsHandshake::new(wire, acceptor);
        Self::TlsHandshake { handshake, service }
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>, conn: &Conn) -> PhaseStep {
        match self {
            Self::Waiting { wire, fresh, .. } => {
                let first = match poll_first_bytes(wire, *fresh, cx) {
                    Poll::Ready(first) => first,
                    Poll::Pending => return PhaseStep::Pending,
                };
                match (first, mem::replace(self, Self::Closed)) {
                    (Some(FirstBytes::Http2), Self::Waiting { wire, service, .. }) => {
                        *self = Self::http2(wire, service);
                    }
                    (Some(_), Self::Waiting { wire, service, .. }) => *self = Self::http1(wire, service),
                    _ => return PhaseStep::Closed,
                }
                PhaseStep::Next
            }
            #[cfg(feature = "tls")]
            Self::TlsHandshake { handshake, .. } => {
                let secured = match handshake.poll(cx, conn) {
                    Poll::Ready(secured) => secured,
                    Poll::Pending => return PhaseStep::Pending,
                };
                match (secured, mem::replace(self, Self::Closed)) {
                    (Some((wire, true)), Self::TlsHandshake { service, .. }) => {
                        *self = Self::http2(wire, service);
                    }
                    (Some((wire, false)), Self::TlsHandshake { service, .. }) => {
                        conn.with_activity(|activity| activity.head_ends(Instant::now()));
                        *self = Self::plain(wire, service);
                    }
                    _ => return PhaseStep::Closed,
                }
                PhaseStep::Next
            }
            Self::Http1(engine) => match Pin::new(&mut **engine).poll(cx) {
                Poll::Pending => PhaseStep::Pending,
                Poll::Ready(result) => {
                    log_end(conn, result);
                    self.after_http1(conn)
                }
            },
            Self::Http2 { engine, goaway, .. } => {
                if goaway.is_none() && conn.server().is_draining() {
                    engine.as_mut().graceful_shutdown();
                    *goaway = Some(Instant::now());
                }
                match engine.as_mut().poll(cx) {
                    Poll::Pending => PhaseStep::Pending,
                    Poll::Ready(result) => {
                        log_end(conn, result);
                        PhaseStep::Closed
                    }
                }
            }
            Self::Lingering { wire, shut, .. } => match poll_read_to_end(wire, shut, cx) {
                Poll::Pending => PhaseStep::Pending,
                Poll::Ready(()) => PhaseStep::Closed,
            },
            Self::Closed => PhaseStep::Closed,
        }
    }

    /// Returns the time until which the connection may stay as it is; `None` without a bound.
    pub(super) fn deadline(&self, conn: &Conn) -> Option<Instant> {
        if let Self::Lingering { until, .. } = self {
            return Some(*until);
        }
        let (state, since, between, standstill) = conn.with_activity(|activity| {
            (activity.state(), activity.since(), activity.is_between_requests(), activity.standstill())
        });
        let phase = self.phase_deadline(conn, state, since, between);
        let transfer = standstill.and_then(|(_, since)| since.checked_add(conn.server().config.transfer_timeout));
        phase.into_iter().chain(transfer).chain(self.next_check(conn)).min()
    }

    /// Returns the time of the next check for HTTP/2 streams that stand still.
    ///
    /// Four checks within the timeout bound the delay. Streams themselves set no timers.
    fn next_check(&self, conn: &Conn) -> Option<Instant> {
        match self {
            Self::Http2 { checked, .. } => checked.checked_add(conn.server().config.transfer_timeout / 4),
            _ => None,
        }
    }

    /// Ends the HTTP/2 streams that stand still if it is time for that.
    ///
    /// Returns `None` if it is not.
    fn check_streams(&mut self, conn: &Conn) -> Option<PhaseStep> {
        let now = Instant::now();
        let due = self.next_check(conn)? <= now;
        let Self::Http2 { engine, goaway, checked } = self else { return None };
        if !due {
            return None;
        }
        *checked = now;
        let streams = conn.reset_standing(now, conn.server().config.transfer_timeout);
        if streams.stuck == 0 {
            return Some(PhaseStep::Next);
        }
        if streams.others == 0 {
            tracing::debug!(target: targets::CONNECTION, peer = %conn.peer(), "connection closed: transfer timed out");
            return Some(PhaseStep::Closed);
        }
        // The others may finish. Then all stand still.
        if goaway.is_none() {
            engine.as_mut().graceful_shutdown();
            *goaway = Some(now);
        }
        Some(PhaseStep::Next)
    }

    fn phase_deadline(&self, conn: &Conn, state: ActivityState, since: Instant, between: bool) -> Option<Instant> {
        let config = &conn.server().config;
        let draining = conn.server().draining_since();
        let timeout = match state {
            ActivityState::Busy => return None,
            // The client has not sent a request yet, and an HTTP/2 client must be prepared to
            // retry.
            ActivityState::Head if draining.is_some() && self.has_part_of_preface() => Duration::ZERO,
            ActivityState::Head => config.header_timeout,
            // The service still reads. Without a drain, only a standstill is bounded.
            ActivityState::Tail => return since.max(draining?).checked_add(config.header_timeout),
            ActivityState::Idle => match self {
                Self::Http2 { goaway: Some(goaway), .. } => return Some(since.max(*goaway) + GOAWAY_TIMEOUT),
                Self::Http2 { .. } => config.keep_alive_timeout,
                _ if draining.is_some() => config.first_byte_timeout,
                Self::Http1(_) if between => ENGINE_IDLE_TIMEOUT.min(config.keep_alive_timeout),
                _ => config.keep_alive_timeout,
            },
        };
        // A timeout that exceeds the range of the clock is no bound.
        since.checked_add(timeout)
    }

    /// Acts on a [deadline](Self::deadline) that has passed.
    pub(super) fn expire(&mut self, cx: &mut Context<'_>, conn: &Conn) -> PhaseStep {
        let (state, standstill) = conn.with_activity(|activity| (activity.state(), activity.standstill()));
        if let Some((standstill, since)) = standstill
            && since.elapsed() >= conn.server().config.transfer_timeout
        {
            return self.end_standstill(standstill, state, conn);
        }
        if let Some(step) = self.check_streams(conn) {
            return step;
        }
        match self {
            Self::Http1(_) if state == ActivityState::Idle => self.drop_engine(),
            Self::Http2 { engine, goaway: goaway @ None, .. } if state == ActivityState::Idle => {
                engine.as_mut().graceful_shutdown();
                *goaway = Some(Instant::now());
                PhaseStep::Next
            }
            Self::Waiting { wire, .. } if state == ActivityState::Idle => {
                if wire.has_unread() {
                    // The next request has arrived at this very instant.
                    conn.with_activity(|activity| activity.head_begins(Instant::now()));
                    return PhaseStep::Next;
                }
                // A TLS close notification is optional here: the peer has nothing to lose.
                let _ = Pin::new(wire).poll_shutdown(cx);
                PhaseStep::Closed
            }
            #[cfg(feature = "tls")]
            Self::TlsHandshake { handshake, .. } if state == ActivityState::Idle && handshake.has_unread() => {
                conn.with_activity(|activity| activity.head_begins(Instant::now()));
                PhaseStep::Next
            }
            _ => {
                if state == ActivityState::Head {
                    tracing::debug!(target: targets::CONNECTION, peer = %conn.peer(), "connection closed: request head timed out");
                }
                PhaseStep::Closed
            }
        }
    }

    /// Ends what no longer moves.
    fn end_standstill(&mut self, standstill: Standstill, state: ActivityState, conn: &Conn) -> PhaseStep {
        let peer = conn.peer();
        match (standstill, &self) {
            (Standstill::RequestBody, Self::Http1(_)) if state == ActivityState::Busy => {
                tracing::debug!(target: targets::CONNECTION, %peer, "request body timed out");
                // The handler gets an error and can still respond.
                conn.fail_read();
                PhaseStep::Next
            }
            _ => {
                tracing::debug!(target: targets::CONNECTION, %peer, "connection closed: transfer timed out");
                PhaseStep::Closed
            }
        }
    }

    fn http1(wire: Wire, service: ConnectionService<S>) -> Self {
        // An engine that detects the peer's end itself does so before it calls the service, and
        // allocates a buffer for that each time.
        let half_close = wire.detects_end();
        let engine =
            http1::Builder::new().half_close(half_close).serve_connection(TokioIo::new(wire), service).with_upgrades();
        Self::Http1(Box::new(engine))
    }

    fn http2(mut wire: Wire, service: ConnectionService<S>) -> Self {
        wire.expect_http2();
        let conn = wire.conn().clone();
        conn.with_activity(Activity::speaks_http2);
        let mut builder = http2::Builder::new(StreamExecutor(conn.clone()));
        if let Some(interval) = conn.server().config.keep_alive_interval {
            // The engine adds it to the time.
            let interval = interval.min(MAX_PING_INTERVAL);
            builder.timer(TokioTimer::new()).keep_alive_interval(interval).keep_alive_timeout(interval * PING_TIMEOUT);
        }
        let engine = builder.serve_connection(TokioIo::new(wire), service);
        Self::Http2 { engine: Box::pin(engine), goaway: None, checked: Instant::now() }
    }

    /// Returns an idle HTTP/1 connection to [`Self::Waiting`]. The next bytes get a new engine.
    fn drop_engine(&mut self) -> PhaseStep {
        let Self::Http1(engine) = mem::replace(self, Self::Closed) else {
            return PhaseStep::Closed;
        };
        let Some(parts) = engine.into_parts() else {
            return PhaseStep::Closed;
        };
        if !parts.read_buf.is_empty() {
            // No byte of another request has arrived: this is a body that the service holds and
            // does not read.
            return PhaseStep::Closed;
        }
        *self = Self::Waiting { wire: parts.io.into_inner(), service: parts.service, fresh: false };
        PhaseStep::Next
    }

    fn after_http1(&mut self, conn: &Conn) -> PhaseStep {
        let Self::Http1(engine) = mem::replace(self, Self::Closed) else {
            return PhaseStep::Closed;
        };
        if conn.is_upgrading() {
            return PhaseStep::Closed;
        }
        let Some(parts) = engine.into_parts() else {
            return PhaseStep::Closed;
        };
        let wire = parts.io.into_inner();
        let (may_still_send, closed) =
            conn.with_activity(|activity| (activity.may_still_send(), activity.has_peer_closed()));
        conn.with_activity(Activity::stop_reading);
        if closed || !(may_still_send || wire.has_unread()) {
            return PhaseStep::Closed;
        }
        *self = Self::Lingering { wire, until: Instant::now() + LINGER_TIMEOUT, shut: false };
        PhaseStep::Next
    }

    fn has_part_of_preface(&self) -> bool {
        match self {
            Self::Waiting { wire, fresh: true, .. } => FirstBytes::classify(wire.prefix()) == FirstBytes::PartOfPreface,
            _ => false,
        }
    }
}

/// Reads until the protocol is clear. Returns `None` if the peer has left.
fn poll_first_bytes(wire: &mut Wire, fresh: bool, cx: &mut Context<'_>) -> Poll<Option<FirstBytes>> {
    loop {
        if !wire.prefix().is_empty() {
            // A connection that has spoken HTTP/1 stays with it.
            let first = if fresh { FirstBytes::classify(wire.prefix()) } else { FirstBytes::Http1 };
            if matches!(first, FirstBytes::Http1 | FirstBytes::Http2) {
                return Poll::Ready(Some(first));
            }
        }
        match ready!(wire.poll_more(cx)) {
            Ok(n) if n > 0 => {}
            _ => return Poll::Ready(None),
        }
    }
}

/// Closes our side and discards what the peer sends until it closes its side.
fn poll_read_to_end(wire: &mut Wire, shut: &mut bool, cx: &mut Context<'_>) -> Poll<()> {
    let mut wire = Pin::new(wire);
    if !*shut {
        let done = ready!(wire.as_mut().poll_shutdown(cx));
        *shut = true;
        if done.is_err() {
            return Poll::Ready(());
        }
    }
    loop {
        let mut bytes = [0; 4096];
        let mut bytes = ReadBuf::new(&mut bytes);
        match ready!(wire.as_mut().poll_read(cx, &mut bytes)) {
            Ok(()) if !bytes.filled().is_empty() => {}
            _ => return Poll::Ready(()),
        }
    }
}

fn log_end(conn: &Conn, result: hyper::Result<()>) {
    if let Err(error) = result {
        tracing::debug!(target: targets::CONNECTION, peer = %conn.peer(), %error, "connection ended with an error");
    }
}
