//! The conductor of a score.

use axum::Router;
use upbeat::{Conductor, Part};
use upbeat_http::{Diagnostics, HttpServer};

use crate::{
    builtin,
    score::{self, Kind, Score, Server, Settings},
};

/// Returns a conductor of the servers of a score. No address is bound before it plays.
pub(crate) fn build_conductor(score: Score) -> Conductor {
    let Score { settings, servers, .. } = score;
    let conductor = Conductor::new(settings.name.as_str()).stop_timeout(settings.grace).lame_duck(settings.lame_duck);
    servers.into_iter().fold(conductor, |conductor, (policies, server)| {
        let part = build_part(&policies, server, &settings);
        conductor.part(with_policies(part, policies, &settings))
    })
}

/// Returns a part that plays the server.
fn build_part(policies: &score::Part, server: Server, settings: &Settings) -> Part {
    let name = policies.name.as_str();
    let serve = |router: Router| {
        // Without `drain`, a server may use what is left of the grace. The conductor's deadline,
        // which is never later than the grace, then ends its drain.
        let mut http =
            HttpServer::bind(server.bind.to_string(), router).drain_timeout(policies.drain.unwrap_or(settings.grace));
        if let Some(limit) = server.header_timeout {
            http = http.header_timeout(limit);
        }
        if let Some(limit) = server.transfer_timeout {
            http = http.transfer_timeout(limit);
        }
        if let Some(interval) = server.keep_alive_interval {
            http = http.keep_alive_interval(interval);
        }
        if let Some(max) = server.max_connections {
            http = http.max_connections(max);
        }
        Part::new(name, http)
    };
    match server.kind {
        Kind::Hello => serve(builtin::hello()),
        Kind::HelloName => serve(builtin::hello_name()),
        Kind::Echo => serve(builtin::echo()),
        Kind::Static { root } => serve(builtin::files(&root)),
        Kind::App => serve(builtin::app()),
        Kind::Diagnostics { version } => {
            let version = version.unwrap_or_else(|| env!("CARGO_PKG_VERSION").to_owned());
            let mut diagnostics = Diagnostics::bind(server.bind.to_string()).version(version);
            if let Some(drain) = policies.drain {
                diagnostics = diagnostics.drain_timeout(drain);
            }
            Part::new(name, diagnostics).first_and_last()
        }
    }
}

/// Returns the part with the policies of the score.
fn with_policies(part: Part, policies: score::Part, settings: &Settings) -> Part {
    let on_failure = policies.on_failure.unwrap_or(settings.on_failure);
    let mut part = part.ready_timeout(settings.start_timeout).restart(policies.restart).on_failure(on_failure);
    if let Some(drain) = policies.drain {
        part = part.stop_timeout(drain);
    }
    policies.depends_on.into_iter().fold(part, |part, edge| match edge.condition {
        Some(condition) => part.after_when(edge.on, condition),
        None => part.after(edge.on),
    })
}
