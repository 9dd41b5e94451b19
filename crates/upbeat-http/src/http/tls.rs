use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use rustls_pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{self, PemObject},
};
use tokio::time::Instant;
use tokio_rustls::{Accept, TlsAcceptor, rustls};

use super::{
    conn::Conn,
    registry::Membership,
    wire::{Transport, Wire},
};
use crate::listen::Socket;

/// With which certificate an [`HttpServer`](crate::HttpServer) speaks HTTPS. A cheap clone.
///
/// Speaks TLS 1.2 and 1.3, and offers HTTP/2 and HTTP/1.1 by ALPN. Clients are not asked for certificates.
///
/// The files are read once, when the value is made, so that a mistake in them is found before anything starts or binds. A certificate
/// that was renewed needs a new value.
#[derive(Clone)]
pub struct TlsConfig {
    config: Arc<rustls::ServerConfig>,
}

impl TlsConfig {
    /// Reads a certificate chain (the server's own first) and its private key (PKCS#8, PKCS#1 or SEC1) from PEM files.
    ///
    /// # Errors
    ///
    /// Says which file is at fault, and how: see [`TlsError`].
    ///
    /// ```no_run
    /// # fn main() -> Result<(), upbeat_http::TlsError> {
    /// let tls = upbeat_http::TlsConfig::from_pem_files("cert.pem", "key.pem")?;
    /// let server = upbeat_http::HttpServer::bind("0.0.0.0:443", axum::Router::new()).tls(tls);
    /// # drop(server);
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_pem_files(cert: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Self, TlsError> {
        let (cert, key) = (cert.as_ref(), key.as_ref());
        let chain = certificates(cert)?;
        let private = private_key(key)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, private))
            .map_err(|source| match source {
                rustls::Error::InconsistentKeys(_) => {
                    TlsError::KeyMismatch { cert: cert.to_owned(), key: key.to_owned() }
                }
                source => TlsError::Unusable { cert: cert.to_owned(), key: key.to_owned(), source: source.into() },
            })?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { config: Arc::new(config) })
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        self.config.clone().into()
    }
}

impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConfig").finish_non_exhaustive()
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(path)?;
    let chain = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|source| TlsError::NotPem { path: path.to_owned(), source: Box::new(source) })?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate { path: path.to_owned() });
    }
    Ok(chain)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(&read(path)?).map_err(|error| match error {
        pem::Error::NoItemsFound => TlsError::NoKey { path: path.to_owned() },
        source => TlsError::NotPem { path: path.to_owned(), source: Box::new(source) },
    })
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), source })
}

/// A certificate or its key cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file could not be read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file is damaged.
    #[error("{} is not a PEM file: {source}", .path.display())]
    NotPem {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The certificate file has no certificate in it.
    #[error("no certificate in {}: a PEM block `BEGIN CERTIFICATE` is needed", .path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The key file has no private key in it.
    #[error("no private key in {}: a PEM block such as `BEGIN PRIVATE KEY` is needed", .path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The key is another certificate's.
    #[error("the private key in {} does not belong to the certificate in {}", .key.display(), .cert.display())]
    KeyMismatch {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// The certificate or the key is of a kind that cannot be used.
    #[error("cannot use the certificate in {} with the key in {}: {source}", .cert.display(), .key.display())]
    Unusable {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A TLS connection on its way to its first request.
pub(super) enum Securing {
    /// Nothing has come yet.
    Arriving(Option<(Wire, TlsAcceptor)>),
    Handshake(Pin<Box<Accept<Socket>>>, Option<Membership>),
}

impl Securing {
    pub(super) fn new(wire: Wire, acceptor: TlsAcceptor) -> Self {
        Self::Arriving(Some((wire, acceptor)))
    }

    /// Ready with the secured wire and whether the client has chosen HTTP/2; with `None` when there is no connection.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, conn: &Conn) -> Poll<Option<(Wire, bool)>> {
        if let Self::Arriving(arriving) = self {
            let Some((wire, _)) = arriving else {
                return Poll::Ready(None);
            };
            if ready!(wire.poll_arrival(cx)).is_err() {
                return Poll::Ready(None);
            }
            conn.activity(|activity| activity.head_begins(Instant::now()));
            let Some((wire, acceptor)) = arriving.take() else {
                return Poll::Ready(None);
            };
            let (Transport::Plain(socket), membership) = wire.into_parts() else {
                return Poll::Ready(None);
            };
            *self = Self::Handshake(Box::pin(acceptor.accept(socket)), Some(membership));
        }
        let Self::Handshake(handshake, membership) = self else {
            return Poll::Ready(None);
        };
        let stream = match ready!(handshake.as_mut().poll(cx)) {
            Ok(stream) => stream,
            Err(error) => {
                tracing::debug!(peer = %conn.peer(), %error, "a TLS handshake failed");
                return Poll::Ready(None);
            }
        };
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        let wire = membership.take().map(|membership| Wire::new(Transport::Tls(Box::new(stream)), membership));
        Poll::Ready(wire.map(|wire| (wire, http2)))
    }

    pub(super) fn has_unread(&self) -> bool {
        matches!(self, Self::Arriving(Some((wire, _))) if wire.has_unread())
    }
}
