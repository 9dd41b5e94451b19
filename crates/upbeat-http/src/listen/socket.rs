#[cfg(feature = "tls")]
use std::io;
use std::{
    mem::MaybeUninit,
    os::fd::{AsRawFd, RawFd},
    task::{Context, Poll},
    time::Duration,
};

use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::ReadBuf,
    net::{TcpStream, UnixStream},
};

use crate::forward_io::forward_io;

/// An accepted connection, which the handler of a [`TcpServer`](crate::TcpServer) reads and writes.
///
/// It implements `AsyncRead` and `AsyncWrite`. A handler that needs more (socket options,
/// `into_split`) matches on the variants.
///
/// ```
/// use upbeat_http::Socket;
///
/// fn no_ttl(socket: &Socket) -> std::io::Result<()> {
///     match socket {
///         Socket::Tcp(stream) => stream.set_ttl(1),
///         _ => Ok(()),
///     }
/// }
/// # let _ = no_ttl;
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Socket {
    /// A TCP connection, with `TCP_NODELAY` set, and with `SO_KEEPALIVE` unless it is disabled.
    Tcp(TcpStream),
    /// A connection over a Unix socket.
    Unix(UnixStream),
}

/// The default interval at which the kernel checks that a silent peer still exists.
///
/// It is that of Go: a peer that has vanished is detected after about two and a half minutes.
pub(crate) const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// The number of checks without an answer after which the kernel ends the connection.
const KEEP_ALIVE_RETRIES: u32 = 9;

impl Socket {
    /// Has the kernel check at this interval that a silent peer still exists.
    ///
    /// The peer of a Unix socket cannot vanish without notice.
    pub(crate) fn keep_alive(&self, interval: Option<Duration>) {
        if let (Self::Tcp(stream), Some(interval)) = (self, interval) {
            // The kernel counts in seconds, up to this number.
            let interval = interval.clamp(Duration::from_secs(1), Duration::from_secs(32_767));
            let keep_alive =
                TcpKeepalive::new().with_time(interval).with_interval(interval).with_retries(KEEP_ALIVE_RETRIES);
            // A dead socket refuses.
            let _ = SockRef::from(stream).set_tcp_keepalive(&keep_alive);
        }
    }

    /// Returns the number of the file descriptor.
    pub(super) fn number(&self) -> u64 {
        number(match self {
            Self::Tcp(stream) => SockRef::from(stream).as_raw_fd(),
            Self::Unix(stream) => stream.as_raw_fd(),
        })
    }

    /// Returns whether the kernel holds unread bytes from the peer.
    ///
    /// It queries the kernel, because the runtime's view may be an event behind.
    pub(crate) fn has_unread(&self) -> bool {
        let socket = match self {
            Self::Tcp(stream) => SockRef::from(stream),
            Self::Unix(stream) => SockRef::from(stream),
        };
        socket.peek(&mut [MaybeUninit::uninit()]).is_ok_and(|n| n > 0)
    }

    /// Waits for the peer to close its side, without reading.
    ///
    /// It stays pending if there are bytes before the end, and on a Unix socket.
    pub(crate) fn poll_end(&self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Tcp(stream) => match stream.poll_peek(cx, &mut ReadBuf::new(&mut [0])) {
                Poll::Ready(Ok(0) | Err(_)) => Poll::Ready(()),
                Poll::Ready(Ok(_)) | Poll::Pending => Poll::Pending,
            },
            Self::Unix(_) => Poll::Pending,
        }
    }

    /// Waits until the kernel accepts bytes, or until the connection has failed.
    pub(crate) fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Tcp(stream) => stream.poll_write_ready(cx).map(drop),
            Self::Unix(stream) => stream.poll_write_ready(cx).map(drop),
        }
    }

    /// Waits until there are bytes to read or the end, without reading.
    ///
    /// Readiness is not enough: the runtime reports an accepted socket as readable until the first
    /// read. A Unix socket is not waited for, where encryption is rare and a silent client even
    /// more so.
    #[cfg(feature = "tls")]
    pub(crate) fn poll_arrival(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.poll_peek(cx, &mut ReadBuf::new(&mut [0])).map_ok(drop),
            Self::Unix(_) => Poll::Ready(Ok(())),
        }
    }
}

/// Returns the number of a descriptor, which is not negative.
pub(super) fn number(descriptor: RawFd) -> u64 {
    u64::try_from(descriptor).unwrap_or_default()
}

forward_io!(Socket { Tcp, Unix });
