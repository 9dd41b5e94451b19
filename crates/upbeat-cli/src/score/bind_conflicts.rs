//! The check for servers that listen at the same address.

use std::net::SocketAddr;

use super::{
    fault::{Fault, Faults},
    server::{Part, Server},
};

/// Adds a fault for each server whose address an earlier server uses.
pub(super) fn check(servers: &[(Part, Option<Server>)], faults: &mut Faults) {
    let servers: Vec<(&Part, &Server)> =
        servers.iter().filter_map(|(part, server)| Some((part, server.as_ref()?))).collect();
    for (index, (part, server)) in servers.iter().enumerate() {
        let earlier = servers[..index].iter().find(|(_, earlier)| conflicts(earlier.bind, server.bind));
        let Some((first, first_server)) = earlier else { continue };
        faults.push(
            Fault::new(
                server.bind_span.clone(),
                format!("`{}` and `{}` listen at the same address", first.name, part.name),
            )
            .label("already taken")
            .also(first_server.bind_span.clone(), format!("used by `{}`", first.name))
            .help("give each server its own port; port 0 is any free one"),
        );
    }
}

/// Returns whether the second of two listeners fails because its address is in use.
fn conflicts(one: SocketAddr, other: SocketAddr) -> bool {
    if one.port() != other.port() || one.port() == 0 {
        return false;
    }
    // An unspecified address covers every interface of its family. Whether `[::]` also covers IPv4
    // depends on the system, so that pair is left to `bind` itself.
    let same_family = one.is_ipv4() == other.is_ipv4();
    same_family && (one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::conflicts;

    #[test]
    fn addresses_conflict_within_a_family() {
        for (one, other, expected) in [
            ("127.0.0.1:80", "127.0.0.1:80", true),
            ("0.0.0.0:80", "127.0.0.1:80", true),
            ("127.0.0.1:0", "127.0.0.1:0", false),
            ("127.0.0.1:80", "127.0.0.2:80", false),
            ("127.0.0.1:80", "[::1]:80", false),
            ("[::]:80", "[::1]:80", true),
        ] {
            let [one, other] = [one, other].map(|address| address.parse().unwrap());
            assert_eq!(conflicts(one, other), expected, "{one} {other}");
        }
    }
}
