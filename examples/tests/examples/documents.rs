//! Checks of the documents: each program is in the index, and each linked file and heading exists.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use serde_json::Value;

/// Returns the root of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns all documents.
fn documents() -> Vec<PathBuf> {
    let folders = ["", "docs", "docs/decisions", "examples", "ladder"].map(|folder| root().join(folder));
    let files = folders.iter().flat_map(|folder| fs::read_dir(folder).expect("a folder"));
    files
        .map(|file| file.expect("a file").path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "md"))
        .collect()
}

fn events(text: &str) -> Parser<'_> {
    Parser::new_ext(text, Options::ENABLE_TABLES)
}

fn links(text: &str) -> Vec<String> {
    events(text)
        .filter_map(|event| match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => Some(dest_url.into_string()),
            _ => None,
        })
        .collect()
}

/// Returns the anchors that GitHub gives to the headings of a document.
fn anchors(text: &str) -> HashSet<String> {
    let (mut anchors, mut heading) = (HashSet::new(), None);
    for event in events(text) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => anchors.extend(heading.take()),
            Event::Text(text) | Event::Code(text) => {
                let Some(heading) = &mut heading else { continue };
                heading.extend(text.to_lowercase().chars().filter_map(|c| match c {
                    ' ' => Some('-'),
                    c => (c.is_alphanumeric() || "-_".contains(c)).then_some(c),
                }));
            }
            _ => {}
        }
    }
    anchors
}

/// Returns the fault of a link, if it has one. Links to other sites are not checked.
fn fault(document: &Path, link: &str) -> Option<String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = link.split_once('#').map_or((link, None), |(path, anchor)| (path, Some(anchor)));
    let target = if path.is_empty() { document.to_owned() } else { document.parent()?.join(path) };
    if !target.exists() {
        return Some(format!("{}: no file {path}", document.display()));
    }
    let anchor = anchor?;
    let known = anchors(&read(&target)).contains(anchor);
    (!known).then(|| format!("{}: {} has no heading #{anchor}", document.display(), target.display()))
}

/// Returns the name and the source of each example program of the workspace.
fn programs() -> Vec<(String, PathBuf)> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["metadata", "--no-deps", "--offline", "--format-version", "1"];
    let metadata = Command::new(cargo).args(arguments).current_dir(root()).output().expect("cargo runs");
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: Value = serde_json::from_slice(&metadata.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages").iter();
    packages
        .flat_map(|package| package["targets"].as_array().expect("targets"))
        .filter(|target| target["kind"][0] == "example")
        .map(|target| {
            (target["name"].as_str().expect("a name").to_owned(), target["src_path"].as_str().expect("a path").into())
        })
        .collect()
}

#[test]
fn each_program_is_in_the_index_with_its_source_and_command() {
    let folder = root().join("examples");
    let index = read(&folder.join("README.md"));
    let programs = programs();
    assert!(programs.iter().any(|(name, _)| name == "stuck"), "{programs:?}");
    for (name, source) in programs {
        let line = index.lines().find(|line| line.starts_with(&format!("| [{name}]("))).unwrap_or_else(|| {
            panic!("examples/README.md has no row for `{name}`: | [{name}](…) | what it shows | `cargo run --example {name}` |")
        });
        let cells: Vec<_> = line.split(" | ").map(|cell| cell.trim_matches(['|', ' '])).collect();
        let [_, shows, command] = cells[..] else { panic!("three cells: {line}") };
        let linked = folder.join(&links(line)[0]).canonicalize().unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(linked, source.canonicalize().expect("it is there"), "{line}");
        assert!(!shows.is_empty(), "{line}");
        assert!(command.starts_with("`cargo run "), "{line}");
        assert!(command.trim_matches('`').split(' ').any(|word| word == name), "{line}");
    }
}

#[test]
fn each_linked_file_and_heading_exists() {
    let documents = documents();
    assert!(documents.contains(&root().join("docs/from-go.md")), "{documents:?}");
    let faults: Vec<_> = documents
        .iter()
        .flat_map(|document| links(&read(document)).into_iter().filter_map(|link| fault(document, &link)))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Appends all sources below a folder to `text`.
fn sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            text.push_str(&read(&path));
        }
    }
}

#[test]
fn each_test_of_an_invariant_exists() {
    let mut text = String::new();
    for folder in ["crates", "ladder"] {
        sources(&root().join(folder), &mut text);
    }
    let architecture = read(&root().join("ARCHITECTURE.md"));
    let paragraphs = architecture.split("\n\n").map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "));
    let invariants: Vec<_> = paragraphs.filter(|part| part.starts_with("**Architecture Invariant:**")).collect();
    assert!(invariants.len() > 5, "{invariants:?}");
    for invariant in invariants {
        let (_, holders) = invariant.split_once("Held by").unwrap_or_else(|| panic!("no test: {invariant}"));
        for name in holders.split('`').skip(1).step_by(2) {
            let exists = text.contains(&format!("fn {name}(")) || read(&root().join("Cargo.toml")).contains(name);
            assert!(exists, "no test or lint `{name}`");
        }
    }
}

#[test]
fn a_broken_link_is_found() {
    let document = root().join("README.md");
    assert_eq!(links("[a](b.md) `[c](d.md)`\n\n```\n[e](f.md)\n```\n| [g](h.md) |\n|-|\n"), ["b.md", "h.md"]);
    assert_eq!(
        anchors("# `sync.Pool` and A-b\ntext\n## Ünder_score"),
        ["syncpool-and-a-b", "ünder_score"].map(str::to_owned).into()
    );
    for good in ["LICENSE-MIT", "docs/from-go.md#errgroup", "#the-library", "https://example.com/nowhere"] {
        assert_eq!(fault(&document, good), None);
    }
    for bad in ["nowhere.md", "docs/from-go.md#nowhere", "#nowhere"] {
        assert!(fault(&document, bad).is_some(), "{bad}");
    }
}
