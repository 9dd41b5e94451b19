#[cfg(feature = "tls")]
use std::io;
use std::{
    mem::MaybeUninit,
    task::{Context, Poll},
};

use socket2::SockRef;
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
    /// A TCP connection, with `TCP_NODELAY` set.
    Tcp(TcpStream),
    /// A connection over a Unix socket.
    Unix(UnixStream),
}

impl Socket {
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

forward_io!(Socket { Tcp, Unix });
