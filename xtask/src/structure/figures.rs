//! The figures of the rooms, for tables of before and after.

use std::fmt::Write as _;

use syn::{Item, UseTree, Visibility};

use super::{graph::Graph, rooms::Rooms};

const HEAD: [&str; 10] = [
    "crate",
    "files",
    "arrows between files",
    "rooms",
    "arrows between rooms",
    "of these up",
    "circles of files",
    "circles of rooms",
    "largest folder",
    "public names at the root",
];

/// Returns a table in Markdown with a line for each crate.
pub(super) fn table(rooms: &[Rooms<'_>]) -> String {
    let mut lines = vec![HEAD.map(str::to_owned).to_vec()];
    lines[0].push("`doc(hidden)`".to_owned());
    lines.extend(rooms.iter().map(line));
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<_> = (0..lines[0].len()).map(width).collect();
    let rule = widths.iter().map(|width| "-".repeat(*width)).collect();
    lines.insert(1, rule);
    let mut table = String::new();
    for line in lines {
        let cells = line.iter().zip(&widths).map(|(cell, &width)| format!(" {cell:<width$} "));
        let _ = writeln!(table, "|{}|", cells.collect::<Vec<_>>().join("|"));
    }
    table
}

/// Returns the floors that the crates without declared ones have by their imports, to be declared.
pub(super) fn derived_floors(rooms: &[Rooms<'_>]) -> String {
    let mut text = String::new();
    for rooms in rooms.iter().filter(|rooms| rooms.layout.floors.is_empty()) {
        let graph = rooms.entries("");
        let heights = graph.heights();
        let floor = |height: usize| {
            let nodes = heights.iter().enumerate().filter(|(_, other)| **other == height);
            format!("    \"{}\",\n", nodes.map(|(node, _)| graph.nodes[node].as_str()).collect::<Vec<_>>().join(" "))
        };
        let floors: String = (0..=heights.iter().copied().max().unwrap_or_default()).map(floor).collect();
        let _ = write!(
            text,
            "\n{}/Cargo.toml declares no floors. Derived from the imports:\n\n[package.metadata.rooms]\nfloors = [\n{floors}]\n",
            rooms.package.folder
        );
    }
    text
}

fn line(rooms: &Rooms<'_>) -> Vec<String> {
    let graph = rooms.entries("");
    let up = match rooms.layout.floors.len() {
        0 => format!("{} (derived)", rooms.arrows_up()),
        floors => format!("{} ({floors} floors)", rooms.arrows_up()),
    };
    let is_hidden = |line: &&str| line.trim_start().starts_with("#[doc(hidden)]");
    let texts = rooms.package.files.iter().map(|file| &rooms.package.texts[&file.path]);
    let hidden = texts.flat_map(|text| text.lines()).filter(is_hidden).count();
    let largest = rooms.folder_sizes().into_iter().map(|(_, files)| files).max().unwrap_or_default();
    vec![
        rooms.package.name.clone(),
        rooms.package.files.len().to_string(),
        rooms.arrows.len().to_string(),
        graph.nodes.len().to_string(),
        graph.arrows.len().to_string(),
        up,
        circles(&rooms.files()),
        circles(&graph),
        largest.to_string(),
        public_names(rooms).to_string(),
        hidden.to_string(),
    ]
}

/// Returns how many circles there are, and how large each is.
fn circles(graph: &Graph) -> String {
    let circles = graph.circles();
    let sizes: Vec<_> = circles.iter().map(|circle| circle.len().to_string()).collect();
    if sizes.is_empty() { "0".to_owned() } else { format!("{} (of {})", sizes.len(), sizes.join(", ")) }
}

/// Counts the names that a user sees at the root, those of other crates included.
fn public_names(rooms: &Rooms<'_>) -> usize {
    let items = rooms.package.files.iter().filter(|file| file.path == "lib.rs").flat_map(|file| &file.syntax.items);
    items.map(public_names_of).sum()
}

fn public_names_of(item: &Item) -> usize {
    let visibility = match item {
        Item::Use(item) if matches!(item.vis, Visibility::Public(_)) => return leaves(&item.tree),
        Item::Mod(item) => &item.vis,
        Item::Struct(item) => &item.vis,
        Item::Enum(item) => &item.vis,
        Item::Trait(item) => &item.vis,
        Item::Type(item) => &item.vis,
        Item::Fn(item) => &item.vis,
        Item::Const(item) => &item.vis,
        Item::Static(item) => &item.vis,
        _ => return 0,
    };
    usize::from(matches!(visibility, Visibility::Public(_)))
}

fn leaves(tree: &UseTree) -> usize {
    match tree {
        UseTree::Path(path) => leaves(&path.tree),
        UseTree::Group(group) => group.items.iter().map(leaves).sum(),
        UseTree::Name(_) | UseTree::Rename(_) | UseTree::Glob(_) => 1,
    }
}
