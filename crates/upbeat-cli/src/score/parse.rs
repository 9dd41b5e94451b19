//! The parser of a whole score, which continues after each fault.

use std::path::Path;

use toml::de::DeTable;

use super::{
    Source, bind_conflicts,
    fault::{Fault, Faults},
    plan,
    server::{self, Part, Server},
    settings::Settings,
    table::Table,
};

/// A score without faults.
#[derive(Clone, Debug)]
pub(crate) struct Score {
    /// The settings of the whole score.
    pub(crate) settings: Settings,
    /// The servers, in the order of the file.
    pub(crate) servers: Vec<(Part, Server)>,
    /// The start order, and the longest path of the stop.
    pub(crate) plan: upbeat_score::Plan,
    /// The warnings, in the order of the file.
    pub(crate) warnings: Vec<Fault>,
}

/// Parses a score. Nothing is bound or started.
///
/// # Errors
///
/// If the score cannot be played: all faults and warnings, in the order of the file.
pub(crate) fn parse(source: &Source) -> Result<Score, Vec<Fault>> {
    let mut faults = Faults::default();
    let (document, syntax) = DeTable::parse_recoverable(&source.text);
    for error in &syntax {
        faults.push(syntax_error(error));
    }

    let mut root = Table::new("the score", 0..0, document.get_ref());
    let settings = root.take("score").and_then(|entry| entry.table("`[score]`", "[score]", &mut faults));
    let settings = settings.map_or_else(Settings::default, |table| Settings::read(table, &mut faults));
    let servers = parse_servers(&mut root, &source.folder, &mut faults);
    reject_processes(&mut root, &mut faults);
    root.finish(&mut faults);

    bind_conflicts::check(&servers, &mut faults);
    let parts: Vec<&Part> = servers.iter().map(|(part, _)| part).collect();
    let plan = plan::check(&settings, &parts, &mut faults);
    let servers = servers.into_iter().filter_map(|(part, server)| Some((part, server?))).collect();

    let fatal = faults.are_fatal();
    let faults = faults.into_sorted(&source.text);
    match plan {
        Some(plan) if !fatal => Ok(Score { settings, servers, plan, warnings: faults }),
        _ => Err(faults),
    }
}

fn parse_servers(root: &mut Table<'_>, folder: &Path, faults: &mut Faults) -> Vec<(Part, Option<Server>)> {
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
                .help("add a table such as `[server.web]`; `upbeat score` prints a score to start from"),
        );
    }
    names.iter().map(|name| server::read(name, folder, faults)).collect()
}

/// Rejects `[player]` tables, which the format reserves for OS processes.
fn reject_processes(root: &mut Table<'_>, faults: &mut Faults) {
    let Some(mut table) = root.take("player").and_then(|entry| entry.table("`[player]`", "[player.db]", faults)) else {
        return;
    };
    for player in table.take_all() {
        faults.push(
            Fault::new(player.key_span(), "OS processes are not supported yet")
                .label(format!("`[player.{}]` declares a process", player.key))
                .help(format!("remove the table, or rename it to `[x-player.{}]` to have it ignored", player.key)),
        );
    }
}

/// Returns the fault of an error of the TOML parser.
fn syntax_error(error: &toml::de::Error) -> Fault {
    let message = error.message().trim_end();
    let help = if message.contains("duplicate key") {
        "a key has one value: remove one of the two lines"
    } else {
        "a score is TOML: a line such as `[server.web]`, then lines such as `kind = \"hello\"`, with text in quotes"
    };
    Fault::syntax(error.span().unwrap_or_default(), message).help(help)
}
