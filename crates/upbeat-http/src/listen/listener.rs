use std::{
    io,
    net::SocketAddr,
    path::PathBuf,
    task::{Context, Poll},
};

#[cfg(any(target_os = "linux", target_os = "android"))]
use socket2::{SockFilter, SockRef};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream};

use super::{Peer, Socket, socket_file, socket_file::SocketFile};
use crate::targets;

/// The length of the kernel's accept queue. The kernel lowers it to `net.core.somaxconn`.
const BACKLOG: u32 = 4096;

/// A bound listener of either kind.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener, ListenerOrigin),
    // Fields drop in order: the file is removed after the listener was closed.
    Unix(UnixListener, Option<SocketFile>),
}

/// The origin of a TCP listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListenerOrigin {
    /// This process has bound it and is the only holder of the socket.
    Bound,
    /// The caller has provided it and may hold the socket too.
    Given,
}

impl Listener {
    /// Binds the first usable address to which `address` resolves.
    pub(super) async fn bind_tcp(address: &str) -> io::Result<Self> {
        let mut failure = None;
        for address in tokio::net::lookup_host(address).await? {
            match Self::bind_one(address) {
                Ok(listener) => return Ok(listener),
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.unwrap_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name resolves to no address")))
    }

    fn bind_one(address: SocketAddr) -> io::Result<Self> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // Otherwise closed connections keep the address in use for a minute after a restart.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Ok(Self::Tcp(socket.listen(BACKLOG)?, ListenerOrigin::Bound))
    }

    pub(super) fn bind_unix(path: PathBuf) -> io::Result<Self> {
        socket_file::remove_stale(&path)?;
        let listener = UnixListener::bind(&path)?;
        Ok(Self::Unix(listener, Some(SocketFile::bound(path))))
    }

    pub(super) fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener, _) => listener.local_addr().ok(),
            Self::Unix(..) => None,
        }
    }

    pub(super) fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Socket, Peer)>> {
        match self {
            Self::Tcp(listener, _) => listener.poll_accept(cx).map_ok(|(stream, peer)| tcp(stream, peer)),
            Self::Unix(listener, _) => {
                listener.poll_accept(cx).map_ok(|(stream, _)| (Socket::Unix(stream), Peer::Unix))
            }
        }
    }

    /// Makes the kernel ignore new connection attempts, and returns whether it can.
    pub(super) fn ignore_new(&self) -> bool {
        matches!(self, Self::Tcp(listener, ListenerOrigin::Bound) if ignore_new(listener))
    }

    /// Takes every connection that the kernel has completed, and closes the listener.
    ///
    /// It queries the kernel, because the runtime's view of the queue may be an event behind.
    /// Closing a listener resets the connections in its queue.
    pub(super) fn sweep(self, mut take: impl FnMut(Socket, Peer)) -> io::Result<()> {
        match self {
            Self::Tcp(listener, _) => {
                let listener = listener.into_std()?;
                while let Some((stream, peer)) = next(listener.accept())? {
                    stream.set_nonblocking(true)?;
                    let (socket, peer) = tcp(TcpStream::from_std(stream)?, peer);
                    take(socket, peer);
                }
            }
            Self::Unix(listener, _file) => {
                let listener = listener.into_std()?;
                while let Some((stream, _)) = next(listener.accept())? {
                    stream.set_nonblocking(true)?;
                    take(Socket::Unix(UnixStream::from_std(stream)?), Peer::Unix);
                }
            }
        }
        Ok(())
    }
}

/// Makes the kernel ignore new connection attempts, and returns whether it does.
///
/// Those clients retry and are then refused. Otherwise a client that arrives between the last
/// accept and the close is connected and then reset. A socket with other holders gets no filter,
/// because it would stay for them. Accepted connections inherit the filter, which has no effect on
/// them.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn ignore_new(listener: &TcpListener) -> bool {
    // In the classic BPF of `socket(7)`: load the flags of the TCP header. If SYN is set, drop the
    // packet, otherwise keep it. Packets that complete an earlier attempt have no SYN.
    const FLAGS: u32 = 13;
    const SYN: u32 = 2;
    const ALL: u32 = u32::MAX;
    let program = [
        SockFilter::new(0x30, 0, 0, FLAGS),
        SockFilter::new(0x45, 0, 1, SYN),
        SockFilter::new(0x06, 0, 0, 0),
        SockFilter::new(0x06, 0, 0, ALL),
    ];
    // If filters are forbidden, connections in that instant may be reset.
    let attached = SockRef::from(listener).attach_filter(&program);
    if let Err(error) = &attached {
        tracing::debug!(target: targets::ACCEPT, %error, "cannot attach a socket filter, connections at the close may be reset");
    }
    attached.is_ok()
}

/// Returns false: other systems have no equivalent.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn ignore_new(_: &TcpListener) -> bool {
    false
}

fn next<T>(accepted: io::Result<T>) -> io::Result<Option<T>> {
    match accepted {
        Ok(accepted) => Ok(Some(accepted)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

fn tcp(stream: TcpStream, peer: SocketAddr) -> (Socket, Peer) {
    // A response is written at once, so that Nagle's algorithm would only delay it. A dead socket
    // refuses.
    let _ = stream.set_nodelay(true);
    (Socket::Tcp(stream), Peer::Tcp(peer))
}
