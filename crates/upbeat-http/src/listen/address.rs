use std::{fmt, net::SocketAddr};

use tokio::sync::watch;

/// By which others learn where a server listens; from [`HttpServer::address`](crate::HttpServer::address) and its
/// like. A cheap clone.
///
/// It is what makes port 0 usable: the system picks a free port, and this says which.
///
/// # Guarantees
///
/// The address is known from before the server reports ready. Every run of a server binds anew, and the address is always that of
/// the latest bind; it stays known after the server has stopped.
///
/// # Not guaranteed
///
/// That anybody answers there: the server may have stopped since. A server on a Unix socket has no such address: [`get`](Address::get)
/// stays `None`.
///
/// ```
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let server = upbeat_http::HttpServer::bind("127.0.0.1:0", axum::Router::new());
/// let address = server.address();
/// // Once a conductor plays `server`:
/// println!("it listens on http://{}", address.wait().await);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Address {
    // The sender itself is shared, so that waiters never see it closed and need no error.
    bound: std::sync::Arc<watch::Sender<Option<SocketAddr>>>,
}

impl Address {
    pub(crate) fn unknown() -> Self {
        Self { bound: std::sync::Arc::new(watch::Sender::new(None)) }
    }

    pub(crate) fn set(&self, address: SocketAddr) {
        self.bound.send_replace(Some(address));
    }

    /// The address, once the server has bound it.
    pub fn get(&self) -> Option<SocketAddr> {
        *self.bound.borrow()
    }

    /// Waits until the server has bound its address.
    ///
    /// Never completes when the server is never played, cannot bind, or listens on a Unix socket: where that can be,
    /// wait for the conductor's end as well.
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
