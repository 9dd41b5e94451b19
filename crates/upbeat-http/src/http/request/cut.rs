use std::{fmt, time::Duration};

use http::Method;
use upbeat::report::HumanDuration;

use crate::listen::Peer;

/// A request that was cut off at the drain deadline.
///
/// Its `Display` is the line in the conductor's report: `GET /slow, open for 3.2 s`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CutRequest {
    /// The request's method.
    pub method: Method,
    /// The request's path without the query, truncated to 120 characters.
    pub path: String,
    /// The time since the first byte of the request.
    pub age: Duration,
    /// The protocol that the connection was upgraded to, such as `websocket`.
    pub upgraded: Option<String>,
    /// The client.
    pub peer: Peer,
}

impl fmt::Display for CutRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(upgraded) = &self.upgraded {
            write!(f, "{upgraded} ")?;
        }
        write!(f, "{} {}, open for {}", self.method, self.path, HumanDuration(self.age))
    }
}
