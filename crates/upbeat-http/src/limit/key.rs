//! By what requests are told apart.

use std::{
    fmt,
    hash::{BuildHasher as _, Hash, RandomState},
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use axum::extract::ConnectInfo;
use http::{HeaderMap, HeaderName, Request, header, request::Parts};
use upbeat::Context;

use crate::Peer;

/// By what requests are told apart, for a limit that each one has for itself.
///
/// ```
/// use http::request::Parts;
/// use upbeat_http::RequestKey;
///
/// struct Customer(u64);
///
/// let by_address = RequestKey::client();
/// let by_token = RequestKey::bearer();
/// // By what a layer around this one has found out:
/// let by_customer = RequestKey::by(|request: &Parts| Some(request.extensions.get::<Customer>()?.0));
/// # drop((by_address, by_token, by_customer));
/// ```
///
/// Requests without a key share one, so leaving it out helps nobody. Keys are kept as hashes of 64 bits with a random seed: they need the same memory
/// however long they are, no token stays in it, and two keys have one limit with a probability of one in 10¹⁹.
#[derive(Clone)]
pub struct RequestKey(Arc<dyn Fn(&Parts) -> u64 + Send + Sync>);

impl RequestKey {
    /// By a value of one's own; `None` is for requests that lack it.
    pub fn by<K: Hash>(key: impl Fn(&Parts) -> Option<K> + Send + Sync + 'static) -> Self {
        let random = RandomState::new();
        Self(Arc::new(move |request| random.hash_one(key(request))))
    }

    /// By the address of the client: for IPv6 by its network of 64 bits, of which one client has all addresses.
    ///
    /// The address is that of the connection, from [`HttpServer`](crate::HttpServer) or axum's `ConnectInfo`. Behind a proxy it is the proxy's for
    /// all; then [`by`](RequestKey::by) the header that this proxy sets, and only if nobody can reach the server without it. Clients
    /// of a Unix socket share a key.
    pub fn client() -> Self {
        Self::by(|request| address(request).map(network))
    }

    /// By the value of a header.
    ///
    /// Clients choose their headers: the key is only worth something if somebody else has looked at it.
    pub fn header(name: HeaderName) -> Self {
        Self::by(move |request| Some(request.headers.get(&name)?.as_bytes().to_owned()))
    }

    /// By the token of `Authorization: Bearer`.
    ///
    /// Clients choose it: the limit belongs inside of what refuses tokens that are not known.
    pub fn bearer() -> Self {
        Self::by(|request| bearer(&request.headers).map(<[u8]>::to_owned))
    }

    /// The key of a request, which is taken apart for it and put together again.
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
    fn a_bearer_token_is_told_apart_whatever_the_case_of_its_scheme() {
        let key = RequestKey::bearer();
        let alice = of(&key, "authorization", "Bearer alice");
        assert_eq!(alice, of(&key, "authorization", "bearer  alice "));
        assert_ne!(alice, of(&key, "authorization", "Bearer bob"));
        let nobody = of(&key, "host", "test");
        assert_eq!(nobody, of(&key, "authorization", "Basic alice"));
        assert_eq!(nobody, of(&key, "authorization", "Bear"));
        assert_ne!(nobody, of(&key, "authorization", "Bearer "));
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
