use std::{
    mem,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

use super::{
    activity::{Activity, Phase},
    app::App,
    conn::Conn,
    preface::{Begins, begins},
    service::Calls,
    wire::Wire,
};

/// How long an HTTP/2 connection without requests may take to end after GOAWAY, whether its client helps or not.
const AFTER_GOAWAY: Duration = Duration::from_secs(1);

/// How long a quiet HTTP/1 connection keeps its engine, whose buffers are some 16 KiB.
const ENGINE_KEPT: Duration = Duration::from_secs(1);

/// How long we read on after our last answer, so that the kernel does not destroy it by a reset.
const LINGER: Duration = Duration::from_secs(1);

type Http1<S> = http1::UpgradeableConnection<TokioIo<Wire>, Calls<S>>;
type Http2<S> = http2::Connection<TokioIo<Wire>, Calls<S>, TokioExecutor>;

/// What stands between a connection's bytes and the service at the moment.
///
/// The engines are boxed, so that a connection that has none is small.
pub(super) enum Stage<S: App> {
    /// No engine: the connection has not said what it speaks, or has been quiet for so long that its engine was taken away.
    Waiting {
        wire: Wire,
        calls: Calls<S>,
        fresh: bool,
    },
    #[cfg(feature = "tls")]
    Securing {
        securing: super::tls::Securing,
        calls: Calls<S>,
    },
    Http1(Box<Http1<S>>),
    Http2 {
        engine: Pin<Box<Http2<S>>>,
        goaway: Option<Instant>,
    },
    /// Everything is said, but the peer may still be sending.
    Lingering {
        wire: Wire,
        until: Instant,
        shut: bool,
    },
    Over,
}

/// How a stage got on.
pub(super) enum Progress {
    /// It waits, and will wake the task.
    Pending,
    /// It gave way to another one.
    Next,
    /// The connection is done with.
    Over,
}

impl<S: App> Stage<S> {
    pub(super) fn plain(wire: Wire, calls: Calls<S>) -> Self {
        Self::Waiting { wire, calls, fresh: true }
    }

    #[cfg(feature = "tls")]
    pub(super) fn tls(wire: Wire, acceptor: tokio_rustls::TlsAcceptor, calls: Calls<S>) -> Self {
        Self::Securing { securing: super::tls::Securing::new(wire, acceptor), calls }
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>, conn: &Conn) -> Progress {
        match self {
            Self::Waiting { wire, fresh, .. } => {
                let begins = match first_bytes(wire, *fresh, cx) {
                    Poll::Ready(begins) => begins,
                    Poll::Pending => return Progress::Pending,
                };
                match (begins, mem::replace(self, Self::Over)) {
                    (Some(Begins::Http2), Self::Waiting { wire, calls, .. }) => *self = Self::http2(wire, calls, conn),
                    (Some(_), Self::Waiting { wire, calls, .. }) => *self = Self::http1(wire, calls),
                    _ => return Progress::Over,
                }
                Progress::Next
            }
            #[cfg(feature = "tls")]
            Self::Securing { securing, .. } => {
                let secured = match securing.poll(cx, conn) {
                    Poll::Ready(secured) => secured,
                    Poll::Pending => return Progress::Pending,
                };
                match (secured, mem::replace(self, Self::Over)) {
                    (Some((wire, true)), Self::Securing { calls, .. }) => *self = Self::http2(wire, calls, conn),
                    (Some((wire, false)), Self::Securing { calls, .. }) => {
                        conn.activity(|activity| activity.head_ends(Instant::now()));
                        *self = Self::plain(wire, calls);
                    }
                    _ => return Progress::Over,
                }
                Progress::Next
            }
            Self::Http1(engine) => match Pin::new(&mut **engine).poll(cx) {
                Poll::Pending => Progress::Pending,
                Poll::Ready(result) => {
                    tell(conn, result);
                    self.after_http1(conn)
                }
            },
            Self::Http2 { engine, goaway } => {
                if goaway.is_none() && conn.shared().is_draining() {
                    engine.as_mut().graceful_shutdown();
                    *goaway = Some(Instant::now());
                }
                match engine.as_mut().poll(cx) {
                    Poll::Pending => Progress::Pending,
                    Poll::Ready(result) => {
                        tell(conn, result);
                        Progress::Over
                    }
                }
            }
            Self::Lingering { wire, shut, .. } => match read_to_end(wire, shut, cx) {
                Poll::Pending => Progress::Pending,
                Poll::Ready(()) => Progress::Over,
            },
            Self::Over => Progress::Over,
        }
    }

    /// Until when the connection may go on as it does; `None` for as long as it likes.
    pub(super) fn bound(&self, conn: &Conn) -> Option<Instant> {
        if let Self::Lingering { until, .. } = self {
            return Some(*until);
        }
        let config = &conn.shared().config;
        let draining = conn.shared().is_draining();
        let (phase, since, between) =
            conn.activity(|activity| (activity.phase(), activity.since(), activity.is_between_requests()));
        let wait = match phase {
            Phase::Busy => return None,
            // A client that got no further than this has not asked for anything, and with HTTP/2 it must be ready to ask again.
            Phase::Head if draining && self.has_part_of_preface() => Duration::ZERO,
            Phase::Head => config.header_timeout,
            Phase::Tail if draining => config.header_timeout,
            Phase::Tail => config.keep_alive,
            Phase::Quiet => match self {
                Self::Http2 { goaway: Some(goaway), .. } => return Some(since.max(*goaway) + AFTER_GOAWAY),
                Self::Http2 { .. } => config.keep_alive,
                _ if draining => config.first_byte_grace,
                Self::Http1(_) if between => ENGINE_KEPT.min(config.keep_alive),
                _ => config.keep_alive,
            },
        };
        // A bound beyond the end of time is none.
        since.checked_add(wait)
    }

    /// The [bound](Stage::bound) has passed.
    pub(super) fn expire(&mut self, cx: &mut Context<'_>, conn: &Conn) -> Progress {
        let phase = conn.activity(|activity| activity.phase());
        match self {
            Self::Http1(_) if phase == Phase::Quiet => self.take_engine_away(conn),
            Self::Http2 { engine, goaway: goaway @ None } if phase == Phase::Quiet => {
                engine.as_mut().graceful_shutdown();
                *goaway = Some(Instant::now());
                Progress::Next
            }
            Self::Waiting { wire, .. } if phase == Phase::Quiet => {
                if wire.has_unread() {
                    // The next request came in this very instant.
                    conn.activity(|activity| activity.head_begins(Instant::now()));
                    return Progress::Next;
                }
                // Whether or not a TLS goodbye finds room: the peer has nothing to lose.
                let _ = Pin::new(wire).poll_shutdown(cx);
                Progress::Over
            }
            #[cfg(feature = "tls")]
            Self::Securing { securing, .. } if phase == Phase::Quiet && securing.has_unread() => {
                conn.activity(|activity| activity.head_begins(Instant::now()));
                Progress::Next
            }
            _ => {
                if phase == Phase::Head {
                    tracing::debug!(peer = %conn.peer(), "closed: the request head took too long");
                }
                Progress::Over
            }
        }
    }

    fn http1(wire: Wire, calls: Calls<S>) -> Self {
        // An engine that looks for the end of the client itself does so before it asks the service, and takes a new buffer for that each time.
        let looks = wire.looks_for_end();
        let engine =
            http1::Builder::new().half_close(looks).serve_connection(TokioIo::new(wire), calls).with_upgrades();
        Self::Http1(Box::new(engine))
    }

    fn http2(mut wire: Wire, calls: Calls<S>, conn: &Conn) -> Self {
        wire.expect_http2();
        conn.activity(Activity::speaks_http2);
        let engine = http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(wire), calls);
        Self::Http2 { engine: Box::pin(engine), goaway: None }
    }

    /// Gives a quiet HTTP/1 connection back to waiting: what comes next gets a new engine.
    fn take_engine_away(&mut self, conn: &Conn) -> Progress {
        let Self::Http1(engine) = mem::replace(self, Self::Over) else {
            return Progress::Over;
        };
        let Some(parts) = engine.into_parts() else {
            return Progress::Over;
        };
        let mut wire = parts.io.into_inner();
        conn.activity(|activity| {
            activity.lost_engine();
            if !parts.read_buf.is_empty() {
                // A pipelining client has sent the first part of its next request along with its last one.
                activity.head_begins(Instant::now());
            }
        });
        wire.set_prefix(parts.read_buf);
        *self = Self::Waiting { wire, calls: parts.service, fresh: false };
        Progress::Next
    }

    fn after_http1(&mut self, conn: &Conn) -> Progress {
        let Self::Http1(engine) = mem::replace(self, Self::Over) else {
            return Progress::Over;
        };
        if conn.is_upgrading() {
            return Progress::Over;
        }
        let Some(parts) = engine.into_parts() else {
            return Progress::Over;
        };
        let wire = parts.io.into_inner();
        let (may_still_send, closed) =
            conn.activity(|activity| (activity.may_still_send(), activity.has_peer_closed()));
        if closed || !(may_still_send || wire.has_unread()) {
            return Progress::Over;
        }
        *self = Self::Lingering { wire, until: Instant::now() + LINGER, shut: false };
        Progress::Next
    }

    fn has_part_of_preface(&self) -> bool {
        match self {
            Self::Waiting { wire, fresh: true, .. } => begins(wire.prefix()) == Begins::WithPartOfPreface,
            _ => false,
        }
    }
}

/// Reads until it is clear which engine the connection needs. `None`: the peer has left.
fn first_bytes(wire: &mut Wire, fresh: bool, cx: &mut Context<'_>) -> Poll<Option<Begins>> {
    loop {
        if !wire.prefix().is_empty() {
            // A connection that has spoken HTTP/1 stays with it.
            let begins = if fresh { begins(wire.prefix()) } else { Begins::Http1 };
            if matches!(begins, Begins::Http1 | Begins::Http2) {
                return Poll::Ready(Some(begins));
            }
        }
        match std::task::ready!(wire.poll_more(cx)) {
            Ok(n) if n > 0 => {}
            _ => return Poll::Ready(None),
        }
    }
}

/// Closes our side, and throws away what comes from the other until that is closed too.
fn read_to_end(wire: &mut Wire, shut: &mut bool, cx: &mut Context<'_>) -> Poll<()> {
    let mut wire = Pin::new(wire);
    if !*shut {
        let done = std::task::ready!(wire.as_mut().poll_shutdown(cx));
        *shut = true;
        if done.is_err() {
            return Poll::Ready(());
        }
    }
    loop {
        let mut bytes = [0; 4096];
        let mut bytes = ReadBuf::new(&mut bytes);
        match std::task::ready!(wire.as_mut().poll_read(cx, &mut bytes)) {
            Ok(()) if !bytes.filled().is_empty() => {}
            _ => return Poll::Ready(()),
        }
    }
}

fn tell(conn: &Conn, result: hyper::Result<()>) {
    if let Err(error) = result {
        tracing::debug!(peer = %conn.peer(), %error, "a connection ended with an error");
    }
}
