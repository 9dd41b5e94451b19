use std::{io, net::SocketAddr, path::PathBuf};

use parking_lot::Mutex;
use tokio::net::{TcpListener, UnixListener};

use super::{Address, ListenError, Listener, Origin};

/// Where a server listens, and how it gets a listener for each of its runs.
#[derive(Debug)]
pub(crate) struct Endpoint {
    target: Target,
    /// A listener that was handed to us; the first run takes it, later ones bind its address anew.
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
        Self { target: Target::Tcp(address), given: Mutex::new(None), address: Address::unknown() }
    }

    pub(crate) fn unix(path: PathBuf) -> Self {
        Self { target: Target::Unix(path), given: Mutex::new(None), address: Address::unknown() }
    }

    pub(crate) fn on(listener: impl IntoListener) -> Self {
        let given = listener.into_listener();
        let target = match given.local_addr() {
            Ok(Local::Tcp(address)) => Target::Tcp(address.to_string()),
            Ok(Local::Unix(path)) => Target::Unix(path),
            // The first run meets the same error, and can return it.
            Err(_) => Target::Tcp("a given listener".to_owned()),
        };
        Self { target, given: Mutex::new(Some(given)), address: Address::unknown() }
    }

    pub(crate) fn address(&self) -> Address {
        self.address.clone()
    }

    /// Listens. Must be called inside a tokio runtime.
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

    /// The bound address for people: `127.0.0.1:8000`, or the path of a Unix socket.
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

/// A listener that somebody else has bound; see [`IntoListener`].
#[derive(Debug)]
pub struct GivenListener(Given);

#[derive(Debug)]
enum Given {
    Tcp(TcpListener),
    StdTcp(std::net::TcpListener),
    Unix(UnixListener),
    StdUnix(std::os::unix::net::UnixListener),
}

enum Local {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl GivenListener {
    fn local_addr(&self) -> io::Result<Local> {
        let path = |path: Option<&std::path::Path>| {
            path.map(|path| Local::Unix(path.to_owned())).ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
        };
        match &self.0 {
            Given::Tcp(listener) => listener.local_addr().map(Local::Tcp),
            Given::StdTcp(listener) => listener.local_addr().map(Local::Tcp),
            Given::Unix(listener) => path(listener.local_addr()?.as_pathname()),
            Given::StdUnix(listener) => path(listener.local_addr()?.as_pathname()),
        }
    }

    fn open(self) -> io::Result<Listener> {
        Ok(match self.0 {
            Given::Tcp(listener) => Listener::Tcp(listener, Origin::Given),
            Given::StdTcp(listener) => {
                listener.set_nonblocking(true)?;
                Listener::Tcp(TcpListener::from_std(listener)?, Origin::Given)
            }
            // A file that was made by somebody else is left to them.
            Given::Unix(listener) => Listener::Unix(listener, None),
            Given::StdUnix(listener) => {
                listener.set_nonblocking(true)?;
                Listener::Unix(UnixListener::from_std(listener)?, None)
            }
        })
    }
}

mod sealed {
    pub trait Sealed {}
}

/// A bound listener that a server can take over: TCP or Unix, tokio's or the standard library's.
///
/// This trait is sealed: the accept loop knows these four.
pub trait IntoListener: sealed::Sealed {
    #[doc(hidden)]
    fn into_listener(self) -> GivenListener;
}

macro_rules! into_listener {
    ($($listener:ty => $variant:ident),*) => {$(
        impl sealed::Sealed for $listener {}
        impl IntoListener for $listener {
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
