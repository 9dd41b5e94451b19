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

/// How many connections the kernel may hold for us. It lowers this to its own limit (`net.core.somaxconn`).
const BACKLOG: u32 = 4096;

/// A bound listener of either kind.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener, Origin),
    // The file goes after the listener: fields drop in order.
    Unix(UnixListener, Option<SocketFile>),
}

/// Where a TCP listener comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// We have bound it: nobody else holds the socket.
    Bound,
    /// It was handed to us, and whoever did may hold it too.
    Given,
}

impl Listener {
    /// Binds the first of the addresses that `address` means.
    pub(super) async fn bind_tcp(address: &str) -> io::Result<Self> {
        let mut failure = None;
        for address in tokio::net::lookup_host(address).await? {
            match Self::bind_one(address) {
                Ok(listener) => return Ok(listener),
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.unwrap_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address")))
    }

    fn bind_one(address: SocketAddr) -> io::Result<Self> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // Otherwise a restart within a minute finds the address in use by connections that are long closed.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Ok(Self::Tcp(socket.listen(BACKLOG)?, Origin::Bound))
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

    /// Lets nobody begin to connect any more, where that is possible, and says whether it is.
    pub(super) fn turn_away(&self) -> bool {
        matches!(self, Self::Tcp(listener, Origin::Bound) if turn_away(listener))
    }

    /// Takes every connection that the kernel has completed for us, and closes the listener.
    ///
    /// Asks the kernel and not the runtime, whose view of the queue may be an event behind; closing a listener resets what is still
    /// in its queue.
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

/// Makes the kernel overlook whoever begins to connect from now on, and says whether it does. They try again, and then are refused.
///
/// Otherwise those who arrive between the last look at the queue and the close are connected first and reset then. Not for a socket
/// that others hold too, for whom the filter would stay. Accepted connections inherit the filter, and it does not matter to them.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn turn_away(listener: &TcpListener) -> bool {
    // In the classic BPF of `socket(7)`: load the byte of flags of the TCP header; if SYN is among them keep nothing of the packet,
    // otherwise all of it. What completes a connection that was begun before has no SYN.
    const FLAGS: u32 = 13;
    const SYN: u32 = 2;
    const ALL: u32 = u32::MAX;
    let program = [
        SockFilter::new(0x30, 0, 0, FLAGS),
        SockFilter::new(0x45, 0, 1, SYN),
        SockFilter::new(0x06, 0, 0, 0),
        SockFilter::new(0x06, 0, 0, ALL),
    ];
    // Where filters are forbidden, that instant stays as it is.
    let attached = SockRef::from(listener).attach_filter(&program);
    if let Err(error) = &attached {
        tracing::debug!(%error, "connections in the instant of the close may be reset");
    }
    attached.is_ok()
}

/// No other system has a way to do it.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn turn_away(_: &TcpListener) -> bool {
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
    // An answer is written whole, so waiting to fill a packet only delays it. A socket that is already dead refuses.
    let _ = stream.set_nodelay(true);
    (Socket::Tcp(stream), Peer::Tcp(peer))
}
