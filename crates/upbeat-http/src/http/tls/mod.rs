//! HTTPS by rustls.

mod error;
mod handshake;

use std::{fmt, fs, path::Path, sync::Arc};

use rustls_pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{self, PemObject},
};
use tokio_rustls::{TlsAcceptor, rustls};

pub use error::TlsError;
pub(crate) use handshake::TlsHandshake;

/// The TLS configuration of an [`HttpServer`](crate::HttpServer). A cheap clone.
///
/// It enables TLS 1.2 and 1.3 and offers HTTP/2 and HTTP/1.1 by ALPN. Client certificates are not
/// requested.
///
/// The files are read once, when the value is created, so that an invalid file is found before any
/// part starts. A renewed certificate needs a new value.
#[derive(Clone)]
pub struct TlsConfig {
    config: Arc<rustls::ServerConfig>,
}

impl TlsConfig {
    /// Reads a certificate chain and its private key from PEM files.
    ///
    /// The server's own certificate comes first in the chain. The key is PKCS#8, PKCS#1 or SEC1.
    ///
    /// # Errors
    ///
    /// [`TlsError`] names the invalid file and the reason.
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

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
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
