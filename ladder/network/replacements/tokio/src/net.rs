//! The part of `tokio::net` that `upbeat-http` uses.

use std::{
    fmt,
    future::Future,
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
pub use tokio::net::{UnixListener, UnixStream};

/// As tokio's, but only for numeric addresses.
///
/// # Errors
///
/// If the address is a name.
#[expect(clippy::unused_async, reason = "callers await it")]
pub async fn lookup_host(address: &str) -> io::Result<impl Iterator<Item = SocketAddr> + use<>> {
    let address = address.parse().map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    Ok(std::iter::once(address))
}

/// As tokio's, before it listens.
#[derive(Debug, Default)]
pub struct TcpSocket {
    address: Mutex<Option<SocketAddr>>,
}

impl TcpSocket {
    /// As tokio's.
    ///
    /// # Errors
    ///
    /// None here.
    pub fn new_v4() -> io::Result<Self> {
        Ok(Self::default())
    }

    /// As tokio's.
    ///
    /// # Errors
    ///
    /// None here.
    pub fn new_v6() -> io::Result<Self> {
        Ok(Self::default())
    }

    /// As tokio's. It has no effect here.
    ///
    /// # Errors
    ///
    /// None here.
    pub fn set_reuseaddr(&self, _: bool) -> io::Result<()> {
        Ok(())
    }

    /// As tokio's.
    ///
    /// # Errors
    ///
    /// None before it listens.
    pub fn bind(&self, address: SocketAddr) -> io::Result<()> {
        *self.address.lock() = Some(address);
        Ok(())
    }

    /// As tokio's. The simulated queue has its own length.
    ///
    /// # Errors
    ///
    /// Those of turmoil's `bind`.
    pub fn listen(self, _: u32) -> io::Result<TcpListener> {
        let address = self.address.into_inner().ok_or(io::ErrorKind::InvalidInput)?;
        // Binding is `async` only in its signature and never waits.
        let listener =
            now(turmoil::net::TcpListener::bind(address)).unwrap_or(Err(io::ErrorKind::WouldBlock.into()))?;
        Ok(TcpListener { listener: Arc::new(listener), accepting: Mutex::new(None) })
    }
}

/// Returns the output of a future that is ready at once.
fn now<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => Some(done),
        Poll::Pending => None,
    }
}

type Accepted = io::Result<(turmoil::net::TcpStream, SocketAddr)>;

/// As tokio's.
pub struct TcpListener {
    listener: Arc<turmoil::net::TcpListener>,
    accepting: Mutex<Option<Pin<Box<dyn Future<Output = Accepted> + Send>>>>,
}

impl TcpListener {
    /// As tokio's.
    ///
    /// # Errors
    ///
    /// None here.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// As tokio's.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let mut accepting = self.accepting.lock();
        let accept = accepting.get_or_insert_with(|| {
            let listener = self.listener.clone();
            Box::pin(async move { listener.accept().await })
        });
        let Poll::Ready(accepted) = accept.as_mut().poll(cx) else { return Poll::Pending };
        *accepting = None;
        Poll::Ready(accepted.map(|(stream, peer)| (TcpStream::new(stream), peer)))
    }

    /// As tokio's. The result never waits.
    ///
    /// # Errors
    ///
    /// None here.
    pub fn into_std(self) -> io::Result<Backlog> {
        Ok(Backlog(self))
    }

    /// As tokio's.
    ///
    /// # Errors
    ///
    /// Always: a simulated network has no real listeners.
    pub fn from_std(_: std::net::TcpListener) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TcpListener").field(&self.listener.local_addr().ok()).finish()
    }
}

/// The replacement of the standard library's listener.
#[derive(Debug)]
pub struct Backlog(TcpListener);

impl Backlog {
    /// Takes a connection from the queue.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if the queue is empty.
    pub fn accept(&self) -> io::Result<(Detached, SocketAddr)> {
        let accepted = now(std::future::poll_fn(|cx| self.0.poll_accept(cx)));
        let (stream, peer) = accepted.unwrap_or(Err(io::ErrorKind::WouldBlock.into()))?;
        Ok((Detached(stream), peer))
    }
}

/// The replacement of the standard library's stream.
#[derive(Debug)]
pub struct Detached(TcpStream);

impl Detached {
    /// Has no effect: the stream never blocks.
    ///
    /// # Errors
    ///
    /// None.
    pub fn set_nonblocking(&self, _: bool) -> io::Result<()> {
        Ok(())
    }
}

/// The maximum length of one write. Otherwise the bytes that wait for a reader would be unbounded.
const SEGMENT: usize = 16 << 10;

/// As tokio's.
#[derive(Debug)]
pub struct TcpStream {
    stream: Mutex<turmoil::net::TcpStream>,
    /// The task that waits to read. A peek must not replace it: the stream stores one waker.
    reader: Option<Waker>,
}

impl TcpStream {
    fn new(stream: turmoil::net::TcpStream) -> Self {
        Self { stream: Mutex::new(stream), reader: None }
    }

    /// As tokio's.
    ///
    /// # Errors
    ///
    /// None here.
    pub fn from_std(stream: Detached) -> io::Result<Self> {
        Ok(stream.0)
    }

    /// As tokio's. It has no effect here.
    ///
    /// # Errors
    ///
    /// None here.
    pub fn set_nodelay(&self, _: bool) -> io::Result<()> {
        Ok(())
    }

    /// As tokio's. It wakes the task that reads.
    ///
    /// # Errors
    ///
    /// Those of the connection.
    pub fn poll_peek(&self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<usize>> {
        self.stream.lock().poll_peek(cx, buffer)
    }

    /// As tokio's. A simulated stream always accepts bytes.
    ///
    /// # Errors
    ///
    /// None here.
    pub fn poll_write_ready(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Returns the number of bytes that can be read now, up to the length of `buffer`.
    ///
    /// # Errors
    ///
    /// Those of the connection, and `WouldBlock` if no byte has arrived.
    pub fn try_peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(buffer);
        let reader = self.reader.as_ref().unwrap_or(Waker::noop());
        match self.stream.lock().poll_peek(&mut Context::from_waker(reader), &mut buffer) {
            Poll::Ready(peeked) => peeked,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl AsyncRead for TcpStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.reader = Some(cx.waker().clone());
        Pin::new(this.stream.get_mut()).poll_read(cx, buf)
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let buf = &buf[..buf.len().min(SEGMENT)];
        Pin::new(self.get_mut().stream.get_mut()).poll_write(cx, buf)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.get_mut().stream.get_mut()).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.get_mut().stream.get_mut()).poll_shutdown(cx)
    }
}
