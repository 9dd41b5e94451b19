use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    task::coop,
};

use super::{
    conn::Conn,
    preface::Opening,
    registry::Membership,
    websocket::{Frames, GOING_AWAY},
};
use crate::listen::Socket;

/// A connection's bytes, watched: it tells its [`Conn`] when bytes come and when all that was written is gone.
///
/// It goes wherever the connection goes, into an upgraded connection too, and the connection is over when it is dropped.
#[derive(Debug)]
pub(super) struct Wire {
    transport: Transport,
    /// Bytes that were read to tell the protocol, or came back from an engine; read again first.
    prefix: Bytes,
    opening: Option<Opening>,
    websocket: Option<Box<WebSocket>>,
    // After the transport, so that a connection that has left is closed.
    membership: Membership,
}

#[derive(Debug)]
pub(super) enum Transport {
    Plain(Socket),
    #[cfg(feature = "tls")]
    Tls(Box<tokio_rustls::server::TlsStream<Socket>>),
}

#[derive(Debug, Default)]
struct WebSocket {
    frames: Frames,
    goodbye: Goodbye,
}

/// Our close frame on its way into a handler's stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Goodbye {
    #[default]
    NotBegun,
    /// That many of its bytes are written.
    Writing(usize),
    Flushing,
    Said,
}

impl Wire {
    pub(super) fn new(transport: Transport, membership: Membership) -> Self {
        Self { transport, prefix: Bytes::new(), opening: None, websocket: None, membership }
    }

    pub(super) fn conn(&self) -> &Arc<Conn> {
        self.membership.conn()
    }

    #[cfg(feature = "tls")]
    pub(super) fn into_parts(self) -> (Transport, Membership) {
        (self.transport, self.membership)
    }

    #[cfg(feature = "tls")]
    pub(super) fn poll_arrival(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.transport.socket().poll_arrival(cx)
    }

    pub(super) fn prefix(&self) -> &Bytes {
        &self.prefix
    }

    pub(super) fn set_prefix(&mut self, prefix: Bytes) {
        self.prefix = prefix;
    }

    /// Reads once and keeps what came, to be read again. Returns how many bytes that were.
    pub(super) fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        // Enough for most heads, and small enough to be cleared for each connection.
        let mut bytes = [0; 1024];
        let mut bytes = ReadBuf::new(&mut bytes);
        ready!(Pin::new(&mut self.transport).poll_read(cx, &mut bytes))?;
        let bytes = bytes.filled();
        self.membership.conn().received(bytes.len());
        self.prefix =
            if self.prefix.is_empty() { Bytes::copy_from_slice(bytes) } else { [&self.prefix, bytes].concat().into() };
        Poll::Ready(Ok(bytes.len()))
    }

    /// From now on the bytes are HTTP/2, whose opening is waited for.
    pub(super) fn expect_http2(&mut self) {
        self.opening = Some(Opening::default());
    }

    /// Whether the kernel holds bytes that nobody has read.
    pub(super) fn has_unread(&self) -> bool {
        self.transport.socket().has_unread()
    }

    /// Whether it sees by itself that the peer closes its side during a request. Of an encrypted connection only its reader knows.
    pub(super) fn looks_for_end(&self) -> bool {
        matches!(self.transport, Transport::Plain(Socket::Tcp(_)))
    }

    /// Fails if the peer has closed its side before it has its answer; otherwise the task is woken when it does.
    fn fail_at_end(&self, cx: &mut Context<'_>) -> io::Result<()> {
        let conn = self.conn();
        if self.looks_for_end() && conn.is_answering() && self.transport.socket().poll_end(cx).is_ready() {
            conn.received(0);
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the client has gone"));
        }
        Ok(())
    }

    /// A write that has to wait waits for the peer's end, too.
    fn or_end(&self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_pending() {
            self.fail_at_end(cx)?;
        }
        written
    }

    fn bytes_came(&mut self, bytes: &[u8]) {
        self.membership.conn().received(bytes.len());
        if self.opening.as_mut().is_some_and(|opening| opening.follow(bytes)) {
            self.opening = None;
            self.conn().activity(|activity| activity.head_ends(tokio::time::Instant::now()));
        }
    }

    fn fail_if_cut(&self) -> io::Result<()> {
        if self.conn().is_cut() {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the server's drain deadline has passed"));
        }
        Ok(())
    }

    /// Says goodbye on a WebSocket when the server drains and no frame of the handler's is half written.
    ///
    /// The peer answers with its own close frame, and that ends the handler the way a client's leaving does.
    fn say_goodbye(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let conn = self.membership.conn();
        let Some(websocket) = &mut self.websocket else {
            return Poll::Ready(Ok(()));
        };
        loop {
            match websocket.goodbye {
                Goodbye::Said => return Poll::Ready(Ok(())),
                Goodbye::NotBegun => {
                    let may = !websocket.frames.has_closed() && websocket.frames.at_boundary();
                    if !may || !conn.shared().is_draining() {
                        return Poll::Ready(Ok(()));
                    }
                    websocket.goodbye = Goodbye::Writing(0);
                }
                Goodbye::Writing(written) if written < GOING_AWAY.len() => {
                    let rest = GOING_AWAY.get(written..).unwrap_or_default();
                    let n = ready!(Pin::new(&mut self.transport).poll_write(cx, rest))?;
                    if n == 0 {
                        return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                    }
                    websocket.goodbye = Goodbye::Writing(written + n);
                }
                Goodbye::Writing(_) => websocket.goodbye = Goodbye::Flushing,
                Goodbye::Flushing => {
                    ready!(Pin::new(&mut self.transport).poll_flush(cx))?;
                    websocket.goodbye = Goodbye::Said;
                    // A socket wakes only its latest writer, and the handler's own may have been waiting.
                    conn.wake();
                }
            }
        }
    }

    fn has_said_goodbye(&self) -> bool {
        self.websocket.as_ref().is_some_and(|websocket| websocket.goodbye != Goodbye::NotBegun)
    }

    /// What comes before every write to an upgraded connection. `Some(n)`: only so many of the first buffer's bytes may be written
    /// now; zero: none at all, they are dropped.
    fn before_write(&mut self, cx: &mut Context<'_>, first: &[u8]) -> io::Result<Option<usize>> {
        self.conn().set_writer(cx.waker());
        self.fail_if_cut()?;
        let _ = self.say_goodbye(cx)?;
        if self.has_said_goodbye() {
            return Ok(Some(0));
        }
        let draining = self.conn().shared().is_draining();
        let unfinished = self.websocket.as_ref().filter(|websocket| draining && !websocket.frames.has_closed());
        Ok(unfinished.map(|websocket| websocket.frames.rest_of_frame(first)))
    }

    /// What comes after every write to an upgraded connection.
    fn after_write<'a>(&mut self, cx: &mut Context<'_>, written: impl IntoIterator<Item = &'a [u8]>) -> io::Result<()> {
        if let Some(websocket) = &mut self.websocket {
            for part in written {
                websocket.frames.follow(part);
            }
            let _ = self.say_goodbye(cx)?;
        }
        Ok(())
    }
}

/// Up to which size it is cheaper to copy an answer's parts together than to let the kernel gather them: measured as a fifth of
/// a microsecond per answer.
const SMALL: usize = 2048;

/// Most answers are far smaller, and clearing the place for them costs, too.
const TINY: usize = 512;

/// The buffers as one, if they fit.
fn flattened<'a>(bufs: &[IoSlice<'_>], small: &'a mut [u8]) -> Option<&'a [u8]> {
    let mut length = 0;
    for buf in bufs {
        small.get_mut(length..length + buf.len())?.copy_from_slice(buf);
        length += buf.len();
    }
    small.get(..length)
}

/// Takes bytes for written. A handler that writes without end must be made to yield by that, as a full socket would.
fn drop_bytes(cx: &mut Context<'_>, bytes: usize) -> Poll<io::Result<usize>> {
    ready!(coop::poll_proceed(cx)).made_progress();
    Poll::Ready(Ok(bytes))
}

impl Transport {
    pub(super) fn socket(&self) -> &Socket {
        match self {
            Self::Plain(socket) => socket,
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.get_ref().0,
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.conn().is_upgraded() {
            this.conn().set_reader(cx.waker());
            this.fail_if_cut()?;
            let _ = this.say_goodbye(cx)?;
        }
        let before = buf.filled().len();
        if this.prefix.is_empty() {
            ready!(Pin::new(&mut this.transport).poll_read(cx, buf))?;
        } else {
            let n = this.prefix.len().min(buf.remaining());
            buf.put_slice(&this.prefix[..n]);
            this.prefix.advance(n);
            if this.prefix.is_empty() {
                // A slice of nothing would keep its memory.
                this.prefix = Bytes::new();
            }
        }
        this.bytes_came(&buf.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if !this.conn().is_upgraded() {
            let written = Pin::new(&mut this.transport).poll_write(cx, buf);
            return this.or_end(cx, written);
        }
        let allowed = match this.before_write(cx, buf)? {
            Some(0) => return drop_bytes(cx, buf.len()),
            Some(n) => buf.get(..n).unwrap_or(buf),
            None => buf,
        };
        let n = ready!(Pin::new(&mut this.transport).poll_write(cx, allowed))?;
        this.after_write(cx, allowed.get(..n))?;
        Poll::Ready(Ok(n))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if !this.conn().is_upgraded() {
            let length: usize = bufs.iter().map(|buf| buf.len()).sum();
            let (mut tiny, mut small);
            let room: &mut [u8] = if length <= TINY {
                tiny = [0; TINY];
                &mut tiny
            } else if length <= SMALL {
                small = [0; SMALL];
                &mut small
            } else {
                &mut []
            };
            let written = match flattened(bufs, room) {
                Some(flat) => Pin::new(&mut this.transport).poll_write(cx, flat),
                None => Pin::new(&mut this.transport).poll_write_vectored(cx, bufs),
            };
            return this.or_end(cx, written);
        }
        let first = bufs.iter().find(|buf| !buf.is_empty()).map_or(&[][..], |buf| buf);
        match this.before_write(cx, first)? {
            Some(0) => return drop_bytes(cx, bufs.iter().map(|buf| buf.len()).sum()),
            Some(n) => {
                let allowed = first.get(..n).unwrap_or(first);
                let n = ready!(Pin::new(&mut this.transport).poll_write(cx, allowed))?;
                this.after_write(cx, allowed.get(..n))?;
                return Poll::Ready(Ok(n));
            }
            None => {}
        }
        let n = ready!(Pin::new(&mut this.transport).poll_write_vectored(cx, bufs))?;
        let written = bufs.iter().scan(n, |left, buf| {
            let part = buf.len().min(*left);
            *left -= part;
            buf.get(..part)
        });
        this.after_write(cx, written)?;
        Poll::Ready(Ok(n))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.transport {
            Transport::Plain(socket) => socket.is_write_vectored(),
            #[cfg(feature = "tls")]
            Transport::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let upgraded = this.conn().is_upgraded();
        if upgraded {
            this.conn().set_writer(cx.waker());
            this.fail_if_cut()?;
            let _ = this.say_goodbye(cx)?;
        }
        ready!(Pin::new(&mut this.transport).poll_flush(cx))?;
        if !upgraded {
            // An engine flushes the socket only when it has written all that it had.
            this.conn().flushed();
            if this.conn().is_websocket() {
                this.websocket = Some(Box::default());
            }
            this.fail_at_end(cx)?;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().transport).poll_shutdown(cx)
    }
}

impl AsyncRead for Transport {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_read(cx, buf),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write(cx, buf),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write_vectored(cx, bufs),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_flush(cx),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
