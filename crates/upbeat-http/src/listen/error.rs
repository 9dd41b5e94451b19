use std::io;

/// A server could not listen on its address.
///
/// The message names the address and the reason, and what to do where that is known: `cannot listen on 127.0.0.1:8000: address already
/// in use; …`. The [source](std::error::Error::source) is the I/O error, of
/// the system's kind and in our words.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub struct ListenError {
    address: String,
    source: io::Error,
}

impl ListenError {
    pub(crate) fn new(address: impl Into<String>, source: io::Error) -> Self {
        let address = address.into();
        Self { source: explained(&address, source), address }
    }

    /// The address as it was asked for: `host:port`, or the path of a Unix socket.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whether somebody else already listens there.
    pub fn is_address_in_use(&self) -> bool {
        self.source.kind() == io::ErrorKind::AddrInUse
    }

    /// Whether this process may not listen there, as on a port below 1024 without the privilege.
    pub fn is_permission_denied(&self) -> bool {
        self.source.kind() == io::ErrorKind::PermissionDenied
    }
}

/// The same kind of error in words that say what to do. Only the system's own are replaced: ours say more than their kind does.
fn explained(address: &str, error: io::Error) -> io::Error {
    if error.raw_os_error().is_none() {
        return error;
    }
    let text = match error.kind() {
        io::ErrorKind::AddrInUse => {
            let port = address.rsplit(':').next().unwrap_or_default();
            format!("address already in use; `ss -ltnp 'sport = :{port}'` shows by whom")
        }
        io::ErrorKind::PermissionDenied => "permission denied; ports below 1024 need a privilege".to_owned(),
        io::ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
        _ => return error,
    };
    io::Error::new(error.kind(), text)
}
