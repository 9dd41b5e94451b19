//! The names of each module, and what a path means in it.

use std::collections::{HashMap, HashSet};

use super::{
    items::Definitions,
    paths::{NamedPath, PathKind},
};

/// The meaning of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// A name that this file defines.
    Item { file: usize, name: String },
    /// A module of the crate.
    Module(Vec<String>),
    /// Something of another crate, or of the prelude.
    External(Vec<String>),
}

/// All names of a crate.
#[derive(Debug, Default)]
pub(super) struct Names {
    modules: HashMap<Vec<String>, Module>,
}

#[derive(Debug, Default)]
struct Module {
    file: usize,
    items: HashSet<String>,
    imports: HashMap<String, Vec<Vec<String>>>,
    globs: Vec<Vec<String>>,
}

/// A chain of re-exports that is longer is a circle.
const MAX_DEPTH: usize = 16;

impl Names {
    /// Adds what `file` defines and imports.
    pub(super) fn add(&mut self, file: usize, definitions: &[Definitions], paths: &[NamedPath]) {
        for Definitions { module, types, others, .. } in definitions {
            let entry = self.modules.entry(module.clone()).or_default();
            entry.file = file;
            entry.items.extend(types.iter().map(|definition| definition.name.clone()).chain(others.iter().cloned()));
        }
        for NamedPath { module, segments, kind, .. } in paths {
            let Some(entry) = self.modules.get_mut(module) else { continue };
            match kind {
                PathKind::Code => {}
                PathKind::Import { name, .. } => {
                    entry.imports.entry(name.clone()).or_default().push(segments.clone());
                }
                PathKind::Glob { .. } => entry.globs.push(segments.clone()),
            }
        }
    }

    /// Returns the file that a module stands in.
    pub(super) fn file_of(&self, module: &[String]) -> Option<usize> {
        self.modules.get(module).map(|module| module.file)
    }

    /// Returns the module that a path begins at and the rest of the path, if it begins with
    /// `crate`, `self` or `super`.
    pub(super) fn start<'a>(module: &[String], path: &'a [String]) -> Option<(Vec<String>, &'a [String])> {
        let (first, mut rest) = path.split_first()?;
        let mut start = match first.as_str() {
            "crate" => Vec::new(),
            "self" => module.to_vec(),
            "super" => module.split_last()?.1.to_vec(),
            _ => return None,
        };
        while rest.first().is_some_and(|segment| segment == "super") {
            start.pop();
            rest = &rest[1..];
        }
        Some((start, rest))
    }

    /// Returns what `path` means in the code of `module`; `None` if it is not known, as the name of
    /// a generic type.
    pub(super) fn resolve(&self, module: &[String], path: &[String]) -> Option<Target> {
        self.resolve_at(module, path, MAX_DEPTH)
    }

    fn resolve_at(&self, module: &[String], path: &[String], depth: usize) -> Option<Target> {
        if let Some((start, rest)) = Self::start(module, path) {
            return self.descend(Target::Module(start), rest, depth);
        }
        let (first, rest) = path.split_first()?;
        match self.member(module, first, rest.is_empty(), depth) {
            Some(target) => self.descend(target, rest, depth),
            None => Some(Target::External(path.to_vec())),
        }
    }

    fn descend(&self, mut target: Target, path: &[String], depth: usize) -> Option<Target> {
        for (at, segment) in path.iter().enumerate() {
            target = match target {
                Target::Module(module) => self.member(&module, segment, at + 1 == path.len(), depth)?,
                // A variant or an associated item belongs to its type.
                Target::Item { .. } => return Some(target),
                Target::External(mut outer) => {
                    outer.extend_from_slice(&path[at..]);
                    return Some(Target::External(outer));
                }
            };
        }
        Some(target)
    }

    /// Returns what `name` is in `module`. A name may be a module and something else; the end of a
    /// path is the latter.
    fn member(&self, module: &[String], name: &str, is_last: bool, depth: usize) -> Option<Target> {
        let depth = depth.checked_sub(1)?;
        let names = self.modules.get(module)?;
        let child = [module, &[name.to_owned()]].concat();
        let child = self.modules.contains_key(&child).then_some(Target::Module(child));
        if !is_last && child.is_some() {
            return child;
        }
        if names.items.contains(name) {
            return Some(Target::Item { file: names.file, name: name.to_owned() });
        }
        for path in names.imports.get(name).into_iter().flatten() {
            // `use tokio;` and `use tokio::time as tokio` do not mean themselves.
            let target = if path[0] == name && (path.len() == 1 || child.is_none()) {
                Some(Target::External(path.clone()))
            } else {
                self.resolve_at(module, path, depth)
            };
            if target.is_some() {
                return target;
            }
        }
        child.or_else(|| {
            names.globs.iter().find_map(|path| match self.resolve_at(module, path, depth)? {
                Target::Module(other) => self.member(&other, name, is_last, depth),
                _ => None,
            })
        })
    }
}
