use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::time::Instant;
use tokio_rustls::{Accept, TlsAcceptor};

use crate::{
    http::{
        connection::{Conn, Membership},
        transport::{Transport, Wire},
    },
    listen::Socket,
    targets,
};

/// A TLS connection before its first request.
pub(crate) enum TlsHandshake {
    /// No byte has arrived yet.
    Arriving(Option<(Wire, TlsAcceptor)>),
    Negotiating(Pin<Box<Accept<Socket>>>, Option<Membership>),
}

impl TlsHandshake {
    pub(crate) fn new(wire: Wire, acceptor: TlsAcceptor) -> Self {
        Self::Arriving(Some((wire, acceptor)))
    }

    /// Returns the secured wire and whether the client has chosen HTTP/2; `None` if the handshake
    /// failed.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, conn: &Conn) -> Poll<Option<(Wire, bool)>> {
        if let Self::Arriving(arriving) = self {
            let Some((wire, _)) = arriving else {
                return Poll::Ready(None);
            };
            if ready!(wire.poll_arrival(cx)).is_err() {
                return Poll::Ready(None);
            }
            conn.with_activity(|activity| activity.head_begins(Instant::now()));
            let Some((wire, acceptor)) = arriving.take() else {
                return Poll::Ready(None);
            };
            let (Transport::Plain(socket), membership) = wire.into_parts() else {
                return Poll::Ready(None);
            };
            *self = Self::Negotiating(Box::pin(acceptor.accept(socket)), Some(membership));
        }
        let Self::Negotiating(accept, membership) = self else {
            return Poll::Ready(None);
        };
        let stream = match ready!(accept.as_mut().poll(cx)) {
            Ok(stream) => stream,
            Err(error) => {
                tracing::debug!(target: targets::CONNECTION, peer = %conn.peer(), %error, "TLS handshake failed");
                return Poll::Ready(None);
            }
        };
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        let wire = membership.take().map(|membership| Wire::new(Transport::Tls(Box::new(stream)), membership));
        Poll::Ready(wire.map(|wire| (wire, http2)))
    }

    pub(crate) fn has_unread(&self) -> bool {
        matches!(self, Self::Arriving(Some((wire, _))) if wire.has_unread())
    }
}
