//! The table of log events in `docs/log-events.md` agrees with the source.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// A row of the table: target, level, message, and the names of fields.
type Row = (String, String, String, BTreeSet<String>);

#[test]
fn the_table_lists_the_events_of_the_source() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = fs::read_to_string(root.join("../../docs/log-events.md")).unwrap();
    let listed: BTreeSet<Row> = table.lines().filter_map(row).filter(|row| row.0.starts_with("upbeat::")).collect();
    let targets = fs::read_to_string(root.join("src/targets.rs")).unwrap();
    let mut logged = BTreeSet::new();
    for file in sources(&root.join("src")) {
        events(&fs::read_to_string(&file).unwrap(), &targets, &mut logged);
    }
    let missing: Vec<_> = logged.difference(&listed).collect();
    let stale: Vec<_> = listed.difference(&logged).collect();
    assert!(missing.is_empty() && stale.is_empty(), "not in the table: {missing:#?}, only in the table: {stale:#?}");
}

/// Returns a row of the table, unless the line is its head.
fn row(line: &str) -> Option<Row> {
    let cells: Vec<_> = line.strip_prefix('|')?.strip_suffix('|')?.split('|').map(str::trim).collect();
    let [target, level, message, fields] = cells[..] else { return None };
    let code = |cell: &str| cell.trim_matches('`').to_owned();
    let fields = fields.split(',').map(|field| code(field.trim())).filter(|field| !field.is_empty()).collect();
    target.starts_with('`').then(|| (code(target), code(level), code(message), fields))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] });
    files.filter(|path| path.extension().is_some_and(|end| end == "rs")).collect()
}

/// Collects the events of a file that have a target.
fn events(source: &str, targets: &str, logged: &mut BTreeSet<Row>) {
    for (at, _) in source.match_indices("tracing::") {
        let Some((level, rest)) = source[at + "tracing::".len()..].split_once("!(") else { continue };
        if !["error", "warn", "info", "debug", "trace"].contains(&level) {
            continue;
        }
        let mut arguments = arguments(rest).into_iter();
        let Some(target) = arguments.next().and_then(|first| first.strip_prefix("target: targets::")) else { continue };
        let definition = format!("pub const {target}: &str = \"");
        let value = targets.split_once(&definition).unwrap_or_else(|| panic!("there is no target {target}")).1;
        let target = value.split('"').next().unwrap().to_owned();
        let (messages, fields): (Vec<_>, Vec<_>) = arguments.partition(|argument| argument.starts_with('"'));
        let name = |field: &str| field.split('=').next().unwrap().trim().trim_start_matches(['%', '?']).to_owned();
        let message = messages.first().expect("an event has a message").trim_matches('"').to_owned();
        logged.insert((target, level.to_owned(), message, fields.into_iter().map(name).collect()));
    }
}

/// Splits the arguments of a call, up to its closing parenthesis.
fn arguments(source: &str) -> Vec<&str> {
    let (mut found, mut begin, mut depth, mut quoted) = (Vec::new(), 0, 0_u32, false);
    for (at, letter) in source.char_indices() {
        match letter {
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | '[' | '{' => depth += 1,
            ',' if depth == 0 => {
                found.push(source[begin..at].trim());
                begin = at + 1;
            }
            ')' if depth == 0 => {
                found.push(source[begin..at].trim());
                break;
            }
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
    }
    found.into_iter().filter(|argument| !argument.is_empty()).collect()
}
