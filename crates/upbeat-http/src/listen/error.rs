use std::io;

/// A server could not listen on its address.
///
/// The message names the address: `cannot listen on 127.0.0.1:8000`. The
/// [source](std::error::Error::source) is the I/O error with the kind of the system's own. Its text
/// suggests a remedy if one is known.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct ListenError {
    address: String,
    source: io::Error,
}

impl ListenError {
    pub(crate) fn new(address: impl Into<String>, source: io::Error) -> Self {
        let address = address.into();
        Self { source: with_remedy(&address, source), address }
    }

    /// Returns the address as it was given: `host:port`, or the path of a Unix socket.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Returns whether the address is already in use.
    pub fn is_address_in_use(&self) -> bool {
        self.source.kind() == io::ErrorKind::AddrInUse
    }

    /// Returns whether this process lacks the permission, as for a port below 1024.
    pub fn is_permission_denied(&self) -> bool {
        self.source.kind() == io::ErrorKind::PermissionDenied
    }
}

/// Returns an error of the same kind whose text suggests a remedy.
///
/// Only errors of the system are replaced. Others already have a specific text.
fn with_remedy(address: &str, error: io::Error) -> io::Error {
    if error.raw_os_error().is_none() {
        return error;
    }
    let text = match error.kind() {
        io::ErrorKind::AddrInUse => {
            let port = address.rsplit(':').next().unwrap_or_default();
            format!("address already in use (`ss -ltnp 'sport = :{port}'` shows the process)")
        }
        io::ErrorKind::PermissionDenied => "permission denied (ports below 1024 need a privilege)".to_owned(),
        io::ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
        _ => return error,
    };
    io::Error::new(error.kind(), text)
}
