//! The part of socket2 that `upbeat-http` uses, for the sockets of a simulated network.

use std::{
    io,
    mem::MaybeUninit,
    os::fd::{AsRawFd, RawFd},
    time::Duration,
};

use tokio::net::{TcpListener, TcpStream, UnixStream};

/// As socket2's.
#[derive(Debug)]
pub enum SockRef<'a> {
    /// A socket that can be peeked.
    Stream(&'a TcpStream),
    /// Any other socket.
    Other,
}

impl<'a> From<&'a TcpStream> for SockRef<'a> {
    fn from(stream: &'a TcpStream) -> Self {
        Self::Stream(stream)
    }
}

impl From<&UnixStream> for SockRef<'_> {
    fn from(_: &UnixStream) -> Self {
        Self::Other
    }
}

impl From<&TcpListener> for SockRef<'_> {
    fn from(_: &TcpListener) -> Self {
        Self::Other
    }
}

impl AsRawFd for SockRef<'_> {
    /// Returns 0: a simulated socket uses no descriptor.
    fn as_raw_fd(&self) -> RawFd {
        0
    }
}

impl SockRef<'_> {
    /// As socket2's, but returns only the number of bytes.
    ///
    /// # Errors
    ///
    /// Those of the connection, and `WouldBlock` if no byte has arrived.
    pub fn peek(&self, buffer: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
        match self {
            Self::Stream(stream) => stream.try_peek(&mut vec![0; buffer.len()]),
            Self::Other => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// As socket2's. The simulated kernel does not check its peers.
    ///
    /// # Errors
    ///
    /// None.
    pub fn set_tcp_keepalive(&self, _: &TcpKeepalive) -> io::Result<()> {
        Ok(())
    }

    /// As socket2's.
    ///
    /// # Errors
    ///
    /// Always: the simulated kernel has no filters, like kernels other than Linux.
    pub fn attach_filter(&self, _: &[SockFilter]) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// As socket2's.
#[derive(Clone, Copy, Debug)]
pub struct SockFilter;

impl SockFilter {
    /// As socket2's.
    pub fn new(_: u16, _: u8, _: u8, _: u32) -> Self {
        Self
    }
}

/// As socket2's.
#[derive(Clone, Copy, Debug)]
pub struct TcpKeepalive;

impl TcpKeepalive {
    /// As socket2's.
    #[expect(clippy::new_without_default, reason = "socket2's has no default either")]
    pub fn new() -> Self {
        Self
    }

    /// As socket2's.
    pub fn with_time(self, _: Duration) -> Self {
        self
    }

    /// As socket2's.
    pub fn with_interval(self, _: Duration) -> Self {
        self
    }

    /// As socket2's.
    pub fn with_retries(self, _: u32) -> Self {
        self
    }
}
