//! From what a score says to what a conductor plays.

use axum::Router;
use upbeat::{Conductor, Part};
use upbeat_http::{Diagnostics, HttpServer};

use crate::{
    builtin,
    score::{self, Kind, Score, Server, Settings},
};

/// Gathers the servers of a score under one conductor. Nothing is bound before it plays.
pub(crate) fn gather(score: Score) -> Conductor {
    let Score { settings, servers, .. } = score;
    let conductor = Conductor::new(settings.name.as_str()).stop_timeout(settings.grace).lame_duck(settings.lame_duck);
    servers.into_iter().fold(conductor, |conductor, (policies, server)| {
        let part = player(&policies, server, &settings);
        conductor.part(under(policies, &settings, part))
    })
}

/// The server itself.
fn player(policies: &score::Part, server: Server, settings: &Settings) -> Part {
    let name = policies.name.as_str();
    let serve = |router: Router| {
        // Not written means what the grace leaves: the conductor's deadline, which is never later, then decides.
        let mut http =
            HttpServer::bind(server.bind.to_string(), router).drain_timeout(policies.drain.unwrap_or(settings.grace));
        if let Some(limit) = server.header_timeout {
            http = http.header_timeout(limit);
        }
        if let Some(most) = server.max_connections {
            http = http.max_connections(most);
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

/// The server under the policies of the score.
fn under(policies: score::Part, settings: &Settings, part: Part) -> Part {
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
