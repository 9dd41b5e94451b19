use std::io;

use super::{
    arrow::Arrow,
    graph::Graph,
    items::{self, Definitions},
    layout::Layout,
    names::{Names, Target},
    paths::{self, NamedPath, PathKind},
};
use crate::sources::{Package, SourceFile};

/// A crate with the imports between its files resolved.
#[derive(Debug)]
pub(super) struct Rooms<'a> {
    pub(super) package: &'a Package,
    pub(super) layout: Layout,
    pub(super) names: Names,
    /// The definitions of each file.
    pub(super) definitions: Vec<Vec<Definitions>>,
    /// The paths that each file names.
    pub(super) paths: Vec<Vec<NamedPath>>,
    /// In the order of files and lines.
    pub(super) arrows: Vec<Arrow>,
}

impl<'a> Rooms<'a> {
    pub(super) fn new(package: &'a Package) -> io::Result<Self> {
        let layout = Layout::parse(&package.manifest)
            .map_err(|error| io::Error::other(format!("{}/Cargo.toml: {error}", package.folder)))?;
        let files = &package.files;
        let definitions: Vec<_> = files.iter().map(|file| items::of(&file.syntax.items, &file.module)).collect();
        let paths: Vec<_> = files.iter().map(|file| paths::of(&file.syntax, &file.module)).collect();
        let mut names = Names::default();
        for (file, (definitions, paths)) in definitions.iter().zip(&paths).enumerate() {
            names.add(file, definitions, paths);
        }
        let mut rooms = Self { package, layout, names, definitions, paths, arrows: Vec::new() };
        rooms.arrows = rooms.arrows();
        Ok(rooms)
    }

    pub(super) fn file(&self, file: usize) -> &'a SourceFile {
        &self.package.files[file]
    }

    /// Returns the file's path relative to the checkout.
    pub(super) fn path_of(&self, file: usize) -> String {
        self.package.path_of(self.file(file))
    }

    /// Returns the room of a file: the file or folder of `src`, without `.rs`; `None` for `lib.rs`
    /// and `main.rs`.
    pub(super) fn room_of(&self, file: usize) -> Option<&'a str> {
        self.file(file).module.first().map(String::as_str)
    }

    /// Returns the imports between files. The root's are none: it re-exports, and nothing may
    /// import from it.
    fn arrows(&self) -> Vec<Arrow> {
        let mut arrows: Vec<Arrow> = Vec::new();
        for (from, paths) in self.paths.iter().enumerate() {
            if self.file(from).is_root() {
                continue;
            }
            for named in paths {
                let Some(to) = self.imported(named) else { continue };
                let is_known = arrows.iter().rev().take_while(|arrow| arrow.from == from).any(|arrow| arrow.to == to);
                if to != from && !is_known && !self.file(to).is_root() {
                    arrows.push(Arrow { from, to, line: named.line, path: named.segments.join("::") });
                }
            }
        }
        arrows
    }

    /// Returns the file whose definition a path imports.
    fn imported(&self, NamedPath { module, segments, kind, .. }: &NamedPath) -> Option<usize> {
        let target = self.names.resolve(module, segments)?;
        let (file, is_reexport) = match (target, kind) {
            (Target::Item { file, .. }, PathKind::Code) => (file, false),
            (Target::Item { file, .. }, PathKind::Import { reexport, .. } | PathKind::Glob { reexport }) => {
                (file, *reexport)
            }
            (Target::Module(module), PathKind::Glob { reexport }) => (self.names.file_of(&module)?, *reexport),
            // A module that is named is not yet an import from it: the paths that begin with it
            // are.
            (Target::Module(_) | Target::External(_), _) => return None,
        };
        // A folder's face that shows what is in the folder does not use it.
        let is_face = is_reexport && self.file(file).module.starts_with(module);
        (!is_face).then_some(file)
    }

    /// Returns the graph of the files.
    pub(super) fn files(&self) -> Graph {
        let nodes = self.package.files.iter().map(|file| file.path.clone());
        Graph::new(nodes, self.arrows.iter().map(|arrow| (arrow.from, arrow.to)))
    }

    /// Returns the graph of what is directly in a folder: files, and folders as a whole. `src` is
    /// the empty folder.
    pub(super) fn entries(&self, folder: &str) -> Graph {
        let mut nodes: Vec<String> = self.package.files.iter().filter_map(|file| entry(folder, file)).collect();
        nodes.sort();
        nodes.dedup();
        let index = |file: usize| nodes.binary_search(&entry(folder, self.file(file))?).ok();
        let arrows: Vec<_> =
            self.arrows.iter().filter_map(|arrow| Some((index(arrow.from)?, index(arrow.to)?))).collect();
        Graph::new(nodes, arrows)
    }

    /// Returns every folder below `src`, `src` itself as the empty path.
    pub(super) fn folders(&self) -> Vec<String> {
        let mut folders = vec![String::new()];
        for path in self.package.texts.keys() {
            folders.extend(path.match_indices('/').map(|(at, _)| path[..=at].to_owned()));
        }
        folders.sort();
        folders.dedup();
        folders
    }

    /// Returns how many files each folder holds directly.
    pub(super) fn folder_sizes(&self) -> Vec<(String, usize)> {
        let is_in = |path: &str, folder: &str| path.strip_prefix(folder).is_some_and(|rest| !rest.contains('/'));
        let count = |folder: &str| self.package.texts.keys().filter(|path| is_in(path, folder)).count();
        self.folders()
            .into_iter()
            .map(|folder| (count(&folder), folder))
            .map(|(files, folder)| (folder, files))
            .collect()
    }

    /// Returns the module that defines what the root calls `name`.
    pub(super) fn home(&self, name: &str) -> Option<String> {
        match self.names.resolve(&[], &["self".to_owned(), name.to_owned()])? {
            Target::Item { file, name } => Some(format!("crate::{}::{name}", self.file(file).module.join("::"))),
            Target::External(path) => Some(path.join("::")),
            Target::Module(_) => None,
        }
    }

    /// Returns the number of arrows between rooms that go up: against the declared floors, or
    /// against the derived order.
    pub(super) fn arrows_up(&self) -> usize {
        let graph = self.entries("");
        if self.layout.floors.is_empty() {
            let heights = graph.heights();
            return graph.arrows.iter().filter(|&&(from, to)| heights[from] <= heights[to]).count();
        }
        let is_up = |&&(from, to): &&(usize, usize)| self.layout.is_up(&graph.nodes[from], &graph.nodes[to]);
        graph.arrows.iter().filter(is_up).count()
    }

    /// Returns the first arrow between two entries of a folder, as `file:line`.
    pub(super) fn example(&self, folder: &str, from: &str, to: &str) -> String {
        let is = |file: usize, name: &str| entry(folder, self.file(file)).is_some_and(|entry| entry == name);
        let arrow = self.arrows.iter().find(|arrow| is(arrow.from, from) && is(arrow.to, to));
        arrow.map_or_else(String::new, |Arrow { from, line, path, .. }| {
            format!("{}:{line} `{path}`", self.file(*from).path)
        })
    }
}

/// Returns the name of the file or folder in `folder` (which ends with `/`, or is empty) that
/// `file` is or is in.
///
/// Above them `x.rs` and the folder `x` are one entry; inside of the folder `x.rs` is its face, as
/// `x/mod.rs` would be. The crate's root is none.
fn entry(folder: &str, file: &SourceFile) -> Option<String> {
    if file.is_root() {
        return None;
    }
    if file.path.strip_suffix(".rs").is_some_and(|stem| folder.strip_suffix('/') == Some(stem)) {
        return Some("mod".to_owned());
    }
    let rest = file.path.strip_prefix(folder)?;
    let name = rest.split('/').next().unwrap_or(rest);
    Some(name.strip_suffix(".rs").unwrap_or(name).to_owned())
}
