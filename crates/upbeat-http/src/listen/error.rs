use std::{fmt, io};

/// A server could not listen on its address.
///
/// The message names the address and the reason, and what to do where that is known: `cannot listen on 127.0.0.1:8000: address already
/// in use; …`. The [source](std::error::Error::source) is the I/O error.
#[derive(Debug)]
pub struct ListenError {
    address: String,
    source: io::Error,
}

impl ListenError {
    pub(crate) fn new(address: impl Into<String>, source: io::Error) -> Self {
        Self { address: address.into(), source }
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

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot listen on {}: ", self.address)?;
        match self.source.kind() {
            // Only the system's own error is replaced; ours says more than its kind does.
            io::ErrorKind::AddrInUse if self.source.raw_os_error().is_some() => {
                let port = self.address.rsplit(':').next().unwrap_or_default();
                write!(f, "address already in use; `ss -ltnp 'sport = :{port}'` shows by whom")
            }
            io::ErrorKind::PermissionDenied => {
                f.write_str("permission denied; ports below 1024 and foreign directories need a privilege")
            }
            io::ErrorKind::AddrNotAvailable => f.write_str("this machine has no such address"),
            _ => self.source.fmt(f),
        }
    }
}

impl std::error::Error for ListenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}
