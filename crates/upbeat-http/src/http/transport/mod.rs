//! The byte stream of a connection, observed for its activity.

mod preface;
mod websocket;
mod wire;

pub(super) use preface::FirstBytes;
pub(super) use wire::Wire;

use crate::{forward_io::forward_io, listen::Socket};

/// The stream below a connection, encrypted or not.
#[derive(Debug)]
pub(super) enum Transport {
    Plain(Socket),
    #[cfg(feature = "tls")]
    Tls(Box<tokio_rustls::server::TlsStream<Socket>>),
}

impl Transport {
    fn socket(&self) -> &Socket {
        match self {
            Self::Plain(socket) => socket,
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.get_ref().0,
        }
    }
}

forward_io!(Transport {
    Plain,
    #[cfg(feature = "tls")]
    Tls,
});
