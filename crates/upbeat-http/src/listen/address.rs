use std::{fmt, net::SocketAddr};

use tokio::sync::watch;

/// A handle to the address on which a server listens. A cheap clone.
///
/// It comes from [`HttpServer::address`](crate::HttpServer::address) and the like. It makes port 0
/// usable: the system selects a free port, and the handle returns it.
///
/// # Guarantees
///
/// The address is set before the server reports ready. Every run of a server binds again, and the
/// address is that of the latest bind. It remains after the server has stopped.
///
/// # Not guaranteed
///
/// A server with a name of several addresses, such as `localhost`, listens on all of them with the
/// same port, and this is the first. The server may have stopped since. A server on a Unix socket
/// has no such address, so that
/// [`get`](Address::get) returns `None`.
///
/// ```
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let server = upbeat_http::HttpServer::bind("127.0.0.1:0", axum::Router::new());
/// let address = server.address();
/// // Once a conductor plays `server`:
/// println!("listening on http://{}", address.wait().await);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Address {
    // The sender itself is shared, so that it is never closed and waiting cannot fail.
    bound: std::sync::Arc<watch::Sender<Option<SocketAddr>>>,
}

impl Address {
    pub(crate) fn unbound() -> Self {
        Self { bound: std::sync::Arc::new(watch::Sender::new(None)) }
    }

    pub(crate) fn set(&self, address: SocketAddr) {
        self.bound.send_replace(Some(address));
    }

    /// Returns the address; `None` before the server has bound it.
    pub fn get(&self) -> Option<SocketAddr> {
        *self.bound.borrow()
    }

    /// Waits until the server has bound its address.
    ///
    /// It never completes if the server never plays, cannot bind, or listens on a Unix socket. If
    /// that is possible, wait for the conductor's end as well.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn wait(&self) -> SocketAddr {
        let mut bound = self.bound.subscribe();
        loop {
            let known = *bound.borrow_and_update();
            if let Some(address) = known {
                return address;
            }
            if bound.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Address").field(&self.get()).finish()
    }
}
