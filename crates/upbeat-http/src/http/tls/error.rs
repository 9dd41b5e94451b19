use std::{io, path::PathBuf};

/// A certificate or its key cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file could not be read.
    #[error("cannot read {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The I/O error.
        source: io::Error,
    },
    /// A file is damaged.
    #[error("{} is not a PEM file", .path.display())]
    NotPem {
        /// The file.
        path: PathBuf,
        /// The error of the PEM parser.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The certificate file contains no certificate.
    #[error("no certificate in {}: a PEM block `BEGIN CERTIFICATE` is needed", .path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The key file contains no private key.
    #[error("no private key in {}: a PEM block such as `BEGIN PRIVATE KEY` is needed", .path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The key belongs to another certificate.
    #[error("the private key in {} does not belong to the certificate in {}", .key.display(), .cert.display())]
    KeyMismatch {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// The kind of the certificate or of the key is not supported.
    #[error("cannot use the certificate in {} with the key in {}", .cert.display(), .key.display())]
    Unusable {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// The error of rustls.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
