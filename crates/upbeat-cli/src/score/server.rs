//! A table `[server.NAME]`: one built-in server.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use upbeat_score::{OnFailure, Restart};

use super::{
    depends_on::Dependency,
    fault::{Fault, Faults, Span},
    settings::ON_FAILURE,
    table::{Entry, Table},
};

/// What the conductor has to know of a server. It can be known even where the server itself is faulty.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// The last segment of the path.
    pub(crate) name: String,
    /// Where the name is written.
    pub(crate) span: Span,
    /// What it starts after and stops before.
    pub(crate) depends_on: Vec<Dependency>,
    /// How long it may take to answer what it is answering.
    pub(crate) drain: Option<Duration>,
    /// When it is started again.
    pub(crate) restart: Restart,
    /// What its final failure means for the others, if that is written.
    pub(crate) on_failure: Option<OnFailure>,
    /// Whether it starts before, and stops after, all others.
    pub(crate) first_and_last: bool,
}

/// What a server serves, and where.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    /// What it answers.
    pub(crate) kind: Kind,
    /// Where it listens.
    pub(crate) bind: SocketAddr,
    /// Where that is written.
    pub(crate) bind_span: Span,
    /// How long a request's head may take.
    pub(crate) header_timeout: Option<Duration>,
    /// How many connections at once.
    pub(crate) max_connections: Option<usize>,
}

/// What a built-in server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `Hello, world!`
    Hello,
    /// `Hello, Alex!` to `/?name=Alex`.
    HelloName,
    /// The body that was sent.
    Echo,
    /// The files of a folder.
    Static {
        /// The folder.
        root: PathBuf,
    },
    /// `Hello world.` under `/hello`, and a slow answer under `/slow`.
    App,
    /// How the players are doing.
    Diagnostics {
        /// What `/ready` calls the version; the program's own if not written.
        version: Option<String>,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Hello,
    HelloName,
    Echo,
    Static,
    App,
    Diagnostics,
}

const KINDS: [(&str, Word); 6] = [
    ("hello", Word::Hello),
    ("hello-name", Word::HelloName),
    ("echo", Word::Echo),
    ("static", Word::Static),
    ("app", Word::App),
    ("diagnostics", Word::Diagnostics),
];

/// Reads one server. `name` is its entry in the table of servers; relative folders start at `folder`.
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

    let word = table.require("kind", "kind = \"hello\"", faults);
    let word = word.and_then(|entry| entry.choice(&KINDS, faults));
    let kind = kind(word, &mut table, folder, faults);
    let bind = table.require("bind", "bind = \"127.0.0.1:8000\"", faults);
    let bind = bind.and_then(|entry| Some((entry.address(faults)?, entry.value_span())));
    let limits = [table.take("header_timeout"), table.take("max_connections")];
    if word == Some(Word::Diagnostics) {
        for entry in limits.iter().flatten() {
            faults.push(misplaced(entry, Word::Diagnostics, "the limits of diagnostics are fixed; remove it"));
        }
    }
    let [header_timeout, max_connections] = limits;
    let header_timeout =
        header_timeout.and_then(|entry| entry.positive_duration("no request could ever arrive", faults));
    let max_connections = max_connections.and_then(|entry| entry.integer(1..=1_000_000, faults));

    part.first_and_last = word == Some(Word::Diagnostics);
    part.drain = table.take("drain").and_then(|entry| entry.positive_duration("nothing could be finished", faults));
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
        max_connections: max_connections.and_then(|max| usize::try_from(max).ok()),
    });
    (part, server)
}

/// The kind with the keys that only it takes.
fn kind(word: Option<Word>, table: &mut Table<'_>, folder: &Path, faults: &mut Faults) -> Option<Kind> {
    // An unknown kind says nothing about which of these keys belong: they are read as far as they are there.
    let root = if word == Some(Word::Static) {
        table.require("root", "root = \"public\"", faults)
    } else {
        table.take("root")
    };
    let version = table.take("version");
    if let Some(word) = word {
        for (entry, owner) in [(root, Word::Static), (version, Word::Diagnostics)] {
            if let Some(entry) = entry.filter(|_| word != owner) {
                let owner = spelled(owner);
                let help = format!("`{}` belongs to `kind = \"{owner}\"`; remove it or change the kind", entry.key);
                faults.push(misplaced(&entry, word, help));
            }
        }
    }
    Some(match word? {
        Word::Hello => Kind::Hello,
        Word::HelloName => Kind::HelloName,
        Word::Echo => Kind::Echo,
        Word::Static => Kind::Static { root: existing_folder(&root?, folder, faults)? },
        Word::App => Kind::App,
        Word::Diagnostics => {
            let version = version.map(|entry| entry.string("\"1.0.0\"", faults).map(str::to_owned));
            Kind::Diagnostics { version: version.flatten() }
        }
    })
}

fn misplaced(entry: &Entry<'_>, word: Word, help: impl Into<String>) -> Fault {
    Fault::new(entry.key_span(), format!("kind `{}` has no `{}`", spelled(word), entry.key))
        .label("unknown key")
        .help(help)
}

fn spelled(word: Word) -> &'static str {
    KINDS.iter().find(|(_, other)| *other == word).map_or("", |(spelled, _)| *spelled)
}

/// The folder a static server serves, which has to be there before anything starts.
fn existing_folder(entry: &Entry<'_>, folder: &Path, faults: &mut Faults) -> Option<PathBuf> {
    let root = folder.join(entry.string("\"public\"", faults)?);
    let wrong = match root.metadata() {
        Ok(found) if found.is_dir() => return Some(root),
        Ok(_) => "it is not a folder".to_owned(),
        Err(error) => error.to_string(),
    };
    faults.push(
        Fault::new(entry.value_span(), format!("the folder `{}` cannot be served", root.display()))
            .label(wrong)
            .help("a folder that exists; a relative one starts where the score file is"),
    );
    None
}
