//! A table `[server.NAME]`: one built-in server.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use upbeat_score::{OnFailure, Restart};

use super::{
    fault::{Fault, Faults, Span},
    settings::ON_FAILURE,
    table::{Entry, Table, depends_on::Dependency},
};

/// The policies of a server that the conductor applies. They may be valid although the server
/// itself is not.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// The last segment of the path.
    pub(crate) name: String,
    /// The position of the name.
    pub(crate) span: Span,
    /// The servers that it starts after and stops before.
    pub(crate) depends_on: Vec<Dependency>,
    /// The time that requests in flight get to finish.
    pub(crate) drain: Option<Duration>,
    /// The restart policy.
    pub(crate) restart: Restart,
    /// The effect of its final failure on the other servers, if it is set.
    pub(crate) on_failure: Option<OnFailure>,
    /// `true` if it starts before all others and stops after them.
    pub(crate) first_and_last: bool,
}

/// A server with its address and limits.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    /// The kind.
    pub(crate) kind: Kind,
    /// The address at which it listens.
    pub(crate) bind: SocketAddr,
    /// The position of the address.
    pub(crate) bind_span: Span,
    /// The time in which the head of a request has to arrive.
    pub(crate) header_timeout: Option<Duration>,
    /// The time in which a byte of a body has to move.
    pub(crate) transfer_timeout: Option<Duration>,
    /// The interval at which silent clients are checked.
    pub(crate) keep_alive_interval: Option<Duration>,
    /// The maximum number of open connections.
    pub(crate) max_connections: Option<usize>,
}

/// The kind of a built-in server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `Hello, world!`
    Hello,
    /// `Hello, Alex!` to `/?name=Alex`.
    HelloName,
    /// The body of the request.
    Echo,
    /// The files of a folder.
    Static {
        /// The folder.
        root: PathBuf,
    },
    /// `Hello world.` at `/hello`, and a slow response at `/slow`.
    App,
    /// The state of all players.
    Diagnostics {
        /// The version that `/ready` returns; by default that of the program.
        version: Option<String>,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum KindName {
    Hello,
    HelloName,
    Echo,
    Static,
    App,
    Diagnostics,
}

const KINDS: [(&str, KindName); 6] = [
    ("hello", KindName::Hello),
    ("hello-name", KindName::HelloName),
    ("echo", KindName::Echo),
    ("static", KindName::Static),
    ("app", KindName::App),
    ("diagnostics", KindName::Diagnostics),
];

/// Reads one server. `name` is its entry in the table of servers. Relative paths start at `folder`.
pub(super) fn read(name: &Entry<'_>, folder: &Path, faults: &mut Faults) -> (Part, Option<Server>) {
    let title = format!("`[server.{}]`", name.key);
    let mut part = Part {
        name: name.key.to_owned(),
        span: name.key_span(),
        depends_on: Vec::new(),
        drain: None,
        restart: Restart::never(),
        on_failure: None,
        first_and_last: false,
    };
    let example = format!("[server.{}]", name.key);
    let Some(mut table) = name.table(title.clone(), &example, faults) else {
        return (part, None);
    };

    let kind_name = table.require("kind", "kind = \"hello\"", faults);
    let kind_name = kind_name.and_then(|entry| entry.choice(&KINDS, faults));
    let kind = kind(kind_name, &mut table, folder, faults);
    let bind = table.require("bind", "bind = \"127.0.0.1:8000\"", faults);
    let bind = bind.and_then(|entry| Some((entry.address(faults)?, entry.value_span())));
    let limits =
        ["header_timeout", "transfer_timeout", "keep_alive_interval", "max_connections"].map(|key| table.take(key));
    if kind_name == Some(KindName::Diagnostics) {
        for entry in limits.iter().flatten() {
            faults.push(misplaced(entry, KindName::Diagnostics, "remove the key; the limits of diagnostics are fixed"));
        }
    }
    let [header_timeout, transfer_timeout, keep_alive_interval, max_connections] = limits;
    let header_timeout = header_timeout.and_then(|entry| entry.positive_duration("no request could arrive", faults));
    let transfer_timeout =
        transfer_timeout.and_then(|entry| entry.positive_duration("no body could be transferred", faults));
    let keep_alive_interval =
        keep_alive_interval.and_then(|entry| entry.positive_duration("clients could not respond in time", faults));
    let max_connections = max_connections.and_then(|entry| entry.integer(1..=1_000_000, faults));

    part.first_and_last = kind_name == Some(KindName::Diagnostics);
    part.drain = table.take("drain").and_then(|entry| entry.positive_duration("no request could finish", faults));
    if let Some(entry) = table.take("depends_on") {
        part.depends_on = entry.dependencies(&title, faults);
    }
    if let Some(restart) = table.take("restart").and_then(|entry| entry.restart(&title, faults)) {
        part.restart = restart;
    }
    part.on_failure = table.take("on_failure").and_then(|entry| entry.choice(&ON_FAILURE, faults));
    table.finish(faults);

    let server = kind.zip(bind).map(|(kind, (bind, bind_span))| Server {
        kind,
        bind,
        bind_span,
        header_timeout,
        transfer_timeout,
        keep_alive_interval,
        max_connections: max_connections.and_then(|max| usize::try_from(max).ok()),
    });
    (part, server)
}

/// Reads the keys that only this kind has.
fn kind(name: Option<KindName>, table: &mut Table<'_>, folder: &Path, faults: &mut Faults) -> Option<Kind> {
    // If the kind is unknown, none of these keys is required or misplaced.
    let root = if name == Some(KindName::Static) {
        table.require("root", "root = \"public\"", faults)
    } else {
        table.take("root")
    };
    let version = table.take("version");
    if let Some(name) = name {
        for (entry, owner) in [(root, KindName::Static), (version, KindName::Diagnostics)] {
            if let Some(entry) = entry.filter(|_| name != owner) {
                let owner = spelling(owner);
                let help = format!("`{}` belongs to `kind = \"{owner}\"`: remove it or change the kind", entry.key);
                faults.push(misplaced(&entry, name, help));
            }
        }
    }
    Some(match name? {
        KindName::Hello => Kind::Hello,
        KindName::HelloName => Kind::HelloName,
        KindName::Echo => Kind::Echo,
        KindName::Static => Kind::Static { root: existing_folder(&root?, folder, faults)? },
        KindName::App => Kind::App,
        KindName::Diagnostics => {
            let version = version.map(|entry| entry.string("\"1.0.0\"", faults).map(str::to_owned));
            Kind::Diagnostics { version: version.flatten() }
        }
    })
}

fn misplaced(entry: &Entry<'_>, kind: KindName, help: impl Into<String>) -> Fault {
    Fault::new(entry.key_span(), format!("kind `{}` has no `{}`", spelling(kind), entry.key))
        .label("unknown key")
        .help(help)
}

fn spelling(kind: KindName) -> &'static str {
    KINDS.iter().find(|(_, other)| *other == kind).map_or("", |(spelling, _)| *spelling)
}

/// Reads the folder of a static server, which has to exist.
fn existing_folder(entry: &Entry<'_>, folder: &Path, faults: &mut Faults) -> Option<PathBuf> {
    let root = folder.join(entry.string("\"public\"", faults)?);
    let reason = match root.metadata() {
        Ok(found) if found.is_dir() => return Some(root),
        Ok(_) => "not a folder".to_owned(),
        Err(error) => error.to_string(),
    };
    faults.push(
        Fault::new(entry.value_span(), format!("the folder `{}` cannot be served", root.display()))
            .label(reason)
            .help("name an existing folder; a relative path starts at the folder of the score file, or at the working directory if it is read from a pipe"),
    );
    None
}
