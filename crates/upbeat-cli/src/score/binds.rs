//! Two servers cannot listen at the same address.

use std::net::SocketAddr;

use super::{
    fault::{Fault, Faults},
    server::{Part, Server},
};

/// Finds the servers that would be refused their address because an earlier one has it.
pub(super) fn check(servers: &[(Part, Option<Server>)], faults: &mut Faults) {
    let servers: Vec<(&Part, &Server)> =
        servers.iter().filter_map(|(part, server)| Some((part, server.as_ref()?))).collect();
    for (at, (part, server)) in servers.iter().enumerate() {
        let Some((first, holder)) = servers[..at].iter().find(|(_, earlier)| clash(earlier.bind, server.bind)) else {
            continue;
        };
        faults.push(
            Fault::new(
                server.bind_span.clone(),
                format!("`{}` and `{}` listen at the same address", first.name, part.name),
            )
            .label("already taken")
            .also(holder.bind_span.clone(), format!("`{}` has it", first.name))
            .help("give each server its own port; port 0 is any free one"),
        );
    }
}

/// Whether the second of two listeners would be told that its address is in use.
fn clash(one: SocketAddr, other: SocketAddr) -> bool {
    if one.port() != other.port() || one.port() == 0 {
        return false;
    }
    // An unspecified address stands for every interface of its family. Whether `[::]` takes IPv4 as well depends on
    // the system, so that pair is left to the system to decide.
    let same_family = one.is_ipv4() == other.is_ipv4();
    same_family && (one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::clash;

    #[test]
    fn clashes() {
        for (one, other, expected) in [
            ("127.0.0.1:80", "127.0.0.1:80", true),
            ("0.0.0.0:80", "127.0.0.1:80", true),
            ("127.0.0.1:0", "127.0.0.1:0", false),
            ("127.0.0.1:80", "127.0.0.2:80", false),
            ("127.0.0.1:80", "[::1]:80", false),
            ("[::]:80", "[::1]:80", true),
        ] {
            let [one, other] = [one, other].map(|address| address.parse().unwrap());
            assert_eq!(clash(one, other), expected, "{one} {other}");
        }
    }
}
