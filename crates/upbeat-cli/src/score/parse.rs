//! A whole score, read to its end however much is wrong with it.

use std::path::Path;

use toml::de::DeTable;

use super::{
    Source, binds,
    fault::{Fault, Faults},
    plan,
    server::{self, Part, Server},
    settings::Settings,
    table::Table,
};

/// What can be played.
#[derive(Clone, Debug)]
pub(crate) struct Score {
    /// What holds for the whole.
    pub(crate) settings: Settings,
    /// The servers, in the order of the file.
    pub(crate) servers: Vec<(Part, Server)>,
    /// The order of their start, and the longest path of their stop.
    pub(crate) plan: upbeat_score::Plan,
    /// What can be played but is hardly what was meant.
    pub(crate) warnings: Vec<Fault>,
}

/// Reads a score; nothing is started or bound.
///
/// # Errors
///
/// Every fault, and every warning, in the order of the file.
pub(crate) fn parse(source: &Source) -> Result<Score, Vec<Fault>> {
    let mut faults = Faults::default();
    let (document, syntax) = DeTable::parse_recoverable(&source.text);
    for error in &syntax {
        faults.push(not_toml(error));
    }

    let mut root = Table::new("the score", 0..0, document.get_ref());
    let settings = root.take("score").and_then(|entry| entry.table("`[score]`", "[score]", &mut faults));
    let settings = settings.map_or_else(Settings::default, |table| Settings::read(table, &mut faults));
    let read = servers(&mut root, &source.folder, &mut faults);
    refuse_processes(&mut root, &mut faults);
    root.finish(&mut faults);

    binds::check(&read, &mut faults);
    let parts: Vec<&Part> = read.iter().map(|(part, _)| part).collect();
    let plan = plan::check(&settings, &parts, &mut faults);
    let servers = read.into_iter().filter_map(|(part, server)| Some((part, server?))).collect();

    let fatal = faults.are_fatal();
    let faults = faults.into_sorted(&source.text);
    match plan {
        Some(plan) if !fatal => Ok(Score { settings, servers, plan, warnings: faults }),
        _ => Err(faults),
    }
}

fn servers(root: &mut Table<'_>, folder: &Path, faults: &mut Faults) -> Vec<(Part, Option<Server>)> {
    let (names, span) = match root.take("server") {
        None => (Vec::new(), 0..0),
        Some(entry) => match entry.table("`[server]`", "[server.web]", faults) {
            Some(mut table) => (table.take_all(), entry.key_span()),
            None => return Vec::new(),
        },
    };
    if names.is_empty() {
        faults.push(
            Fault::missing(span, "the score has nothing to play")
                .label("no server is declared")
                .help("add a table such as `[server.web]`; `upbeat score` prints a score to begin with"),
        );
    }
    names.iter().map(|name| server::read(name, folder, faults)).collect()
}

/// OS processes have their place in the format; what plays them is not written yet.
fn refuse_processes(root: &mut Table<'_>, faults: &mut Faults) {
    let Some(mut table) = root.take("player").and_then(|entry| entry.table("`[player]`", "[player.db]", faults)) else {
        return;
    };
    for player in table.take_all() {
        faults.push(
            Fault::new(player.key_span(), "OS processes are not supported by this version yet")
                .label(format!("`[player.{}]` would be one", player.key))
                .help(format!("rename the table to `[x-player.{}]` to keep it for later", player.key)),
        );
    }
}

/// What the parser stumbled over.
fn not_toml(error: &toml::de::Error) -> Fault {
    let message = error.message().trim_end();
    let help = if message.contains("duplicate key") {
        "a key has one value: remove one of the two"
    } else {
        "a score is TOML: a line such as `[server.web]`, then lines such as `kind = \"hello\"`, the text in quotes"
    };
    Fault::syntax(error.span().unwrap_or_default(), message).help(help)
}
