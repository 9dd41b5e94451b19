use std::{io, net::SocketAddr, path::PathBuf};

use parking_lot::Mutex;
use tokio::net::{TcpListener, UnixListener};

use super::{Address, ListenError, Listener, listener::TcpListeners};

/// The address of a server, from which each run gets its listener.
#[derive(Debug)]
pub(crate) struct Endpoint {
    target: Target,
    /// A listener of the caller. The first run takes it, later runs bind its address.
    given: Mutex<Option<GivenListener>>,
    address: Address,
}

#[derive(Debug)]
enum Target {
    Tcp(String),
    Unix(PathBuf),
}

impl Endpoint {
    pub(crate) fn bind(address: String) -> Self {
        Self { target: Target::Tcp(address), given: Mutex::new(None), address: Address::unbound() }
    }

    pub(crate) fn unix(path: PathBuf) -> Self {
        Self { target: Target::Unix(path), given: Mutex::new(None), address: Address::unbound() }
    }

    pub(crate) fn from_listener(listener: impl IntoListener) -> Self {
        let given = listener.into_listener();
        let target = match given.local_addr() {
            Ok(LocalAddress::Tcp(address)) => Target::Tcp(address.to_string()),
            Ok(LocalAddress::Unix(path)) => Target::Unix(path),
            // The first run fails with the same error and returns it.
            Err(_) => Target::Tcp("given listener".to_owned()),
        };
        Self { target, given: Mutex::new(Some(given)), address: Address::unbound() }
    }

    pub(crate) fn address(&self) -> Address {
        self.address.clone()
    }

    /// Binds a listener. Must be called within a tokio runtime.
    pub(crate) async fn open(&self) -> Result<Listener, ListenError> {
        let given = self.given.lock().take();
        let (listener, name) = match (given, &self.target) {
            (Some(given), target) => (given.open(), target.name()),
            (None, Target::Tcp(address)) => (Listener::bind_tcp(address).await, address.clone()),
            (None, Target::Unix(path)) => (Listener::bind_unix(path.clone()), self.target.name()),
        };
        let listener = listener.map_err(|error| ListenError::new(name, error))?;
        if let Some(address) = listener.local_addr() {
            self.address.set(address);
        }
        Ok(listener)
    }

    /// Returns the bound address as text: `127.0.0.1:8000`, or the path of a Unix socket.
    pub(crate) fn name(&self) -> String {
        self.address.get().map_or_else(|| self.target.name(), |address| address.to_string())
    }
}

impl Target {
    fn name(&self) -> String {
        match self {
            Self::Tcp(address) => address.clone(),
            Self::Unix(path) => path.display().to_string(),
        }
    }
}

/// A listener that the caller has bound. See [`IntoListener`].
#[derive(Debug)]
pub struct GivenListener(Given);

#[derive(Debug)]
enum Given {
    Tcp(TcpListener),
    StdTcp(std::net::TcpListener),
    Unix(UnixListener),
    StdUnix(std::os::unix::net::UnixListener),
}

enum LocalAddress {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl GivenListener {
    fn local_addr(&self) -> io::Result<LocalAddress> {
        let path = |path: Option<&std::path::Path>| {
            path.map(|path| LocalAddress::Unix(path.to_owned())).ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
        };
        match &self.0 {
            Given::Tcp(listener) => listener.local_addr().map(LocalAddress::Tcp),
            Given::StdTcp(listener) => listener.local_addr().map(LocalAddress::Tcp),
            Given::Unix(listener) => path(listener.local_addr()?.as_pathname()),
            Given::StdUnix(listener) => path(listener.local_addr()?.as_pathname()),
        }
    }

    fn open(self) -> io::Result<Listener> {
        Ok(match self.0 {
            Given::Tcp(listener) => Listener::Tcp(TcpListeners::given(listener)),
            Given::StdTcp(listener) => {
                listener.set_nonblocking(true)?;
                Listener::Tcp(TcpListeners::given(TcpListener::from_std(listener)?))
            }
            // The caller has created the file and removes it.
            Given::Unix(listener) => Listener::Unix(listener, None),
            Given::StdUnix(listener) => {
                listener.set_nonblocking(true)?;
                Listener::Unix(UnixListener::from_std(listener)?, None)
            }
        })
    }
}

mod sealed {
    /// The seal of [`IntoListener`](super::IntoListener), with its only method.
    pub trait Sealed {
        fn into_listener(self) -> super::GivenListener;
    }
}

/// A bound listener that a server can take, TCP or Unix, of tokio or the standard library.
///
/// This trait is sealed: the accept loop supports these four types.
pub trait IntoListener: sealed::Sealed {}

macro_rules! into_listener {
    ($($listener:ty => $variant:ident),*) => {$(
        impl IntoListener for $listener {}
        impl sealed::Sealed for $listener {
            fn into_listener(self) -> GivenListener {
                GivenListener(Given::$variant(self))
            }
        }
    )*};
}

into_listener! {
    TcpListener => Tcp,
    std::net::TcpListener => StdTcp,
    UnixListener => Unix,
    std::os::unix::net::UnixListener => StdUnix
}
