//! Checks of `docs/peers.md`: its numbers, and that each test that it names exists.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// The beginnings of the docs of tests, in the order of the columns.
const KINDS: [&str; 3] = ["Same", "Composed", "Differs"];

/// The tests of the suites, by kind.
#[derive(Debug, Default)]
struct Suites {
    /// The number of tests of each kind, by suite.
    counts: BTreeMap<String, [usize; 3]>,
    names: [BTreeSet<String>; 3],
}

impl Suites {
    fn read() -> Self {
        let mut suites = Self::default();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
        for path in files(&folder) {
            let below = path.strip_prefix(&folder).unwrap();
            let below = below.strip_prefix("peers").unwrap_or(below).with_extension("");
            let suite = below.iter().next().unwrap().to_str().unwrap();
            if suite != "main" && suite != "table" {
                suites.add(suite, &fs::read_to_string(&path).unwrap());
            }
        }
        suites
    }

    fn add(&mut self, suite: &str, text: &str) {
        // The first line of the docs of the next function.
        let (mut doc, mut is_test) = ("", false);
        for line in text.lines() {
            let line = line.trim_start();
            if let Some(text) = line.strip_prefix("/// ") {
                doc = if doc.is_empty() { text } else { doc };
            } else if line.starts_with("#[test]") {
                is_test = true;
            } else if line.starts_with("#[") {
                is_test &= !line.starts_with("#[ignore = \"other tests start");
            } else {
                if is_test {
                    let kind = KINDS.iter().position(|kind| doc.starts_with(kind));
                    let kind = kind.unwrap_or_else(|| panic!("{suite}: the docs of `{line}` begin with no kind"));
                    let name = line.strip_prefix("fn ").and_then(|name| name.split_once('(')).unwrap().0;
                    assert!(self.names[kind].insert(name.to_owned()), "{suite}: another test is named `{name}`");
                    self.counts.entry(suite.to_owned()).or_default()[kind] += 1;
                }
                (doc, is_test) = ("", false);
            }
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Returns the tables of the page, as the cells of their rows, with their code in backticks.
fn tables() -> Vec<Vec<Vec<String>>> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/peers.md");
    let page = fs::read_to_string(page).unwrap();
    let mut tables: Vec<Vec<Vec<String>>> = Vec::new();
    let mut cell = String::new();
    for event in Parser::new_ext(&page, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Table(_)) => tables.push(Vec::new()),
            Event::Start(Tag::TableRow) => tables.last_mut().unwrap().push(Vec::new()),
            Event::Start(Tag::TableHead | Tag::TableCell) => cell.clear(),
            Event::Text(text) => cell.push_str(&text),
            Event::Code(text) => cell.extend(["`", &*text, "`"]),
            Event::End(TagEnd::TableCell) => {
                if let Some(row) = tables.last_mut().unwrap().last_mut() {
                    row.push(cell.clone());
                }
            }
            _ => {}
        }
    }
    tables
}

/// Returns the names in the last column of a table.
fn named(table: &[Vec<String>]) -> BTreeSet<String> {
    let code = |cell: &String| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    table.iter().flat_map(|row| code(row.last().unwrap())).collect()
}

#[test]
fn the_page_counts_the_tests_of_each_suite() {
    let tables = tables();
    let counted: BTreeMap<_, _> = tables[0]
        .iter()
        .map(|row| (row[1].trim_matches('`').to_owned(), [2, 3, 4].map(|column| row[column].parse().unwrap())))
        .collect();
    assert_eq!(counted, Suites::read().counts);
}

#[test]
fn the_page_names_each_test_that_differs_or_is_composed() {
    let (tables, suites) = (tables(), Suites::read());
    let [_, composed, differs] = suites.names;
    assert_eq!(named(&tables[1]), differs);
    assert_eq!(named(&tables[2]), composed);
}
