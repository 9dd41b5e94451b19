//! The keys of limits.

use std::{
    fmt,
    hash::{BuildHasher as _, Hash, RandomState},
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use axum::extract::ConnectInfo;
use http::{HeaderMap, HeaderName, Request, header, request::Parts};
use upbeat::Context;

use crate::listen::Peer;

/// A function that assigns each request a key, for a limit per key.
///
/// ```
/// use http::request::Parts;
/// use upbeat_http::RequestKey;
///
/// struct Customer(u64);
///
/// let by_address = RequestKey::client();
/// let by_token = RequestKey::bearer();
/// // By a value that an outer layer has set:
/// let by_customer = RequestKey::from_fn(|request: &Parts| Some(request.extensions.get::<Customer>()?.0));
/// # drop((by_address, by_token, by_customer));
/// ```
///
/// Requests without a key share one, so that a client gains nothing by omitting it. Keys are stored
/// as hashes of 64 bits with a random seed. Long keys thus need no more memory, no token is stored,
/// and two keys share a limit with a probability of one in 10¹⁹.
#[derive(Clone)]
pub struct RequestKey(Arc<dyn Fn(&Parts) -> u64 + Send + Sync>);

impl RequestKey {
    /// Creates a key from a function. Requests for which it returns `None` share a key.
    pub fn from_fn<K: Hash>(key: impl Fn(&Parts) -> Option<K> + Send + Sync + 'static) -> Self {
        let random = RandomState::new();
        Self(Arc::new(move |request| random.hash_one(key(request))))
    }

    /// Returns the address of the client as the key.
    ///
    /// For IPv6 it is the network of 64 bits, because one client has all its addresses. The address
    /// is that of the connection, from [`HttpServer`](crate::HttpServer) or axum's `ConnectInfo`.
    ///
    /// Behind a proxy, it is the proxy's address for all clients. Use the
    /// [header](RequestKey::header) that the proxy sets instead, and only if no client can bypass
    /// the proxy. Clients of a Unix socket share a key.
    pub fn client() -> Self {
        Self::from_fn(|request| address(request).map(network))
    }

    /// Returns the value of a header as the key.
    ///
    /// Clients choose their headers. The key is useful only if a proxy or an outer layer validates
    /// it.
    pub fn header(name: HeaderName) -> Self {
        Self::from_fn(move |request| Some(request.headers.get(&name)?.as_bytes().to_owned()))
    }

    /// Returns the token of `Authorization: Bearer` as the key.
    ///
    /// Clients choose it. Place the limit inside the layer that rejects unknown tokens.
    pub fn bearer() -> Self {
        Self::from_fn(|request| bearer(&request.headers).map(<[u8]>::to_owned))
    }

    /// Returns the key of a request, which is split into its parts and joined again.
    pub(super) fn of<B>(&self, request: Request<B>) -> (u64, Request<B>) {
        let (parts, body) = request.into_parts();
        ((self.0)(&parts), Request::from_parts(parts, body))
    }
}

impl fmt::Debug for RequestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RequestKey")
    }
}

fn address(request: &Parts) -> Option<IpAddr> {
    if let Some(peer) = request.extensions.get::<Context>().and_then(Context::value::<Peer>) {
        return match *peer {
            Peer::Tcp(address) => Some(address.ip()),
            Peer::Unix => None,
        };
    }
    Some(request.extensions.get::<ConnectInfo<SocketAddr>>()?.ip())
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
        canonical @ IpAddr::V4(_) => canonical,
    }
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked("bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(key: &RequestKey, name: &str, value: &str) -> u64 {
        key.of(Request::get("/").header(name, value).body(()).unwrap()).0
    }

    #[test]
    fn a_bearer_token_is_the_key_in_any_case_of_its_scheme() {
        let key = RequestKey::bearer();
        let alice = of(&key, "authorization", "Bearer alice");
        assert_eq!(alice, of(&key, "authorization", "bearer  alice "));
        assert_ne!(alice, of(&key, "authorization", "Bearer bob"));
        let without = of(&key, "host", "test");
        assert_eq!(without, of(&key, "authorization", "Basic alice"));
        assert_eq!(without, of(&key, "authorization", "Bear"));
        assert_ne!(without, of(&key, "authorization", "Bearer "));
    }

    #[test]
    fn a_client_has_one_key_for_all_its_addresses() {
        let key = RequestKey::client();
        let of = |address: &str| {
            let mut request = Request::new(());
            let address: IpAddr = address.parse().unwrap();
            request.extensions_mut().insert(ConnectInfo(SocketAddr::from((address, 7))));
            key.of(request).0
        };
        assert_eq!(of("192.0.2.7"), of("::ffff:192.0.2.7"));
        assert_ne!(of("192.0.2.7"), of("192.0.2.8"));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
    }
}
