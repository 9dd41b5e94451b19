use std::{
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
    task::{Context, Poll},
};

#[cfg(any(target_os = "linux", target_os = "android"))]
use socket2::{SockFilter, SockRef};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream};

use super::{Peer, Socket, socket_file, socket_file::SocketFile};
use crate::targets;

/// The number of ports that are tried until one is free at all addresses of a name.
const PORT_ATTEMPTS: u32 = 16;

/// The length of the kernel's accept queue. The kernel lowers it to `net.core.somaxconn`.
const BACKLOG: u32 = 4096;

/// A bound listener of either kind.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListeners),
    // Fields drop in order: the file is removed after the listener was closed.
    Unix(UnixListener, Option<SocketFile>),
}

/// The TCP listeners of a server: one for each address of its name, at least one.
#[derive(Debug)]
pub(crate) struct TcpListeners {
    listeners: Vec<TcpListener>,
    /// The listener that is asked first, so that none starves the others.
    turn: AtomicUsize,
    origin: ListenerOrigin,
}

/// The origin of a TCP listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListenerOrigin {
    /// This process has bound it and is the only holder of the socket.
    Bound,
    /// The caller has provided it and may hold the socket too.
    Given,
}

impl TcpListeners {
    pub(super) fn given(listener: TcpListener) -> Self {
        Self { listeners: vec![listener], turn: AtomicUsize::new(0), origin: ListenerOrigin::Given }
    }

    /// Binds all addresses with the same port. Skips those that this machine does not have.
    fn bind(addresses: &[SocketAddr]) -> io::Result<Self> {
        let mut listeners: Vec<TcpListener> = Vec::new();
        let mut missing = None;
        for address in addresses {
            let mut address = *address;
            if let Some(first) = listeners.first() {
                address.set_port(first.local_addr()?.port());
            }
            match bind_one(address) {
                Ok(listener) => listeners.push(listener),
                Err(error) if is_missing(&error) => missing = Some(error),
                Err(error) => return Err(error),
            }
        }
        if listeners.is_empty() {
            let none = || io::Error::new(io::ErrorKind::NotFound, "the name resolves to no address");
            return Err(missing.unwrap_or_else(none));
        }
        Ok(Self { listeners, turn: AtomicUsize::new(0), origin: ListenerOrigin::Bound })
    }

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let count = self.listeners.len();
        let turn = self.turn.load(Ordering::Relaxed);
        for index in turn..turn + count {
            if let Poll::Ready(accepted) = self.listeners[index % count].poll_accept(cx) {
                self.turn.store((index + 1) % count, Ordering::Relaxed);
                return Poll::Ready(accepted);
            }
        }
        Poll::Pending
    }
}

impl Listener {
    /// Binds all addresses to which `address` resolves, with the same port.
    ///
    /// `localhost` has one per family, and clients choose either.
    pub(super) async fn bind_tcp(address: &str) -> io::Result<Self> {
        let mut addresses: Vec<SocketAddr> = Vec::new();
        for address in tokio::net::lookup_host(address).await? {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        let any_port = addresses.len() > 1 && addresses.iter().all(|address| address.port() == 0);
        // The port that one address has free may be in use at another.
        let mut attempts = if any_port { PORT_ATTEMPTS } else { 1 };
        loop {
            attempts -= 1;
            match TcpListeners::bind(&addresses) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse && attempts > 0 => {}
                bound => return bound.map(Self::Tcp),
            }
        }
    }

    pub(super) fn bind_unix(path: PathBuf) -> io::Result<Self> {
        socket_file::remove_stale(&path)?;
        let listener = UnixListener::bind(&path)?;
        Ok(Self::Unix(listener, Some(SocketFile::bound(path))))
    }

    /// Returns the address of the first TCP listener.
    pub(super) fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(tcp) => tcp.listeners.first()?.local_addr().ok(),
            Self::Unix(..) => None,
        }
    }

    pub(super) fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Socket, Peer)>> {
        match self {
            Self::Tcp(listeners) => listeners.poll_accept(cx).map_ok(|(stream, peer)| tcp(stream, peer)),
            Self::Unix(listener, _) => {
                listener.poll_accept(cx).map_ok(|(stream, _)| (Socket::Unix(stream), Peer::Unix))
            }
        }
    }

    /// Makes the kernel ignore new connection attempts, and returns whether it can.
    pub(super) fn ignore_new(&self) -> bool {
        match self {
            Self::Tcp(tcp) if tcp.origin == ListenerOrigin::Bound => tcp.listeners.iter().all(ignore_new),
            _ => false,
        }
    }

    /// Takes the listener from the runtime, whose view of the queue may be an event behind.
    pub(super) fn into_queue(self) -> io::Result<AcceptQueue> {
        Ok(match self {
            Self::Tcp(bound) => {
                let listeners =
                    bound.listeners.into_iter().map(TcpListener::into_std).collect::<io::Result<Vec<_>>>()?;
                AcceptQueue(Box::new(move |take| {
                    for listener in &listeners {
                        while let Some((stream, peer)) = next(listener.accept())? {
                            stream.set_nonblocking(true)?;
                            let (socket, peer) = tcp(TcpStream::from_std(stream)?, peer);
                            take(socket, peer);
                        }
                    }
                    Ok(())
                }))
            }
            Self::Unix(listener, file) => {
                let listener = listener.into_std()?;
                AcceptQueue(Box::new(move |take| {
                    // The file is removed with the listener.
                    let _ = &file;
                    while let Some((stream, _)) = next(listener.accept())? {
                        stream.set_nonblocking(true)?;
                        take(Socket::Unix(UnixStream::from_std(stream)?), Peer::Unix);
                    }
                    Ok(())
                }))
            }
        })
    }
}

/// The kernel's queue of completed connections.
///
/// Its drop closes the listener and resets what is in the queue.
pub(super) struct AcceptQueue(Box<TakeAll>);

type TakeAll = dyn FnMut(&mut dyn FnMut(Socket, Peer)) -> io::Result<()> + Send;

impl AcceptQueue {
    /// Takes every connection.
    pub(super) fn take_all(&mut self, mut take: impl FnMut(Socket, Peer)) -> io::Result<()> {
        (self.0)(&mut take)
    }
}

fn bind_one(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Otherwise closed connections keep the address in use for a minute after a restart.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Returns whether this machine has no such address, or nothing of its family.
fn is_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable
        || error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
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
