use std::{collections::BTreeMap, fs, io, path::Path};

use super::is_test_only;

/// One crate: its manifest and its sources.
#[derive(Debug)]
pub(crate) struct Package {
    /// The last component of `folder`.
    pub(crate) name: String,
    /// The crate's folder relative to the checkout, as `crates/upbeat`.
    pub(crate) folder: String,
    /// The text of Cargo.toml.
    pub(crate) manifest: String,
    /// Every Rust file under `src`, by its path there. Tests are included.
    pub(crate) texts: BTreeMap<String, String>,
    /// The modules that `lib.rs` and `main.rs` declare, without those that are compiled for tests
    /// only.
    pub(crate) files: Vec<SourceFile>,
}

/// One file of a crate, which is one module.
#[derive(Debug)]
pub(crate) struct SourceFile {
    /// Relative to `src`, as `run/mod.rs`.
    pub(crate) path: String,
    /// The path of the module without `crate`, as `["run"]`.
    pub(crate) module: Vec<String>,
    pub(crate) syntax: syn::File,
}

impl SourceFile {
    /// Returns whether this is `lib.rs` or `main.rs`.
    pub(crate) fn is_root(&self) -> bool {
        self.module.is_empty()
    }
}

impl Package {
    /// Returns the crates of `checkout` whose rooms are checked: those of the product, and this
    /// program.
    pub(crate) fn all(checkout: &Path) -> io::Result<Vec<Self>> {
        let mut folders = vec!["xtask".to_owned()];
        for entry in fs::read_dir(checkout.join("crates"))? {
            folders.push(format!("crates/{}", entry?.file_name().to_string_lossy()));
        }
        folders.retain(|folder| checkout.join(folder).join("src").is_dir());
        folders.sort();
        folders.iter().map(|folder| Self::read(checkout, folder)).collect()
    }

    /// Reads the crate in `folder` of `checkout`.
    pub(crate) fn read(checkout: &Path, folder: &str) -> io::Result<Self> {
        let manifest = fs::read_to_string(checkout.join(folder).join("Cargo.toml"))?;
        let src = checkout.join(folder).join("src");
        let mut texts = BTreeMap::new();
        read_folder(&src, "", &mut texts)?;
        Self::new(folder, manifest, texts)
    }

    /// Makes a crate of texts that are in memory.
    pub(crate) fn new(folder: &str, manifest: String, texts: BTreeMap<String, String>) -> io::Result<Self> {
        let name = folder.rsplit('/').next().unwrap_or(folder).to_owned();
        let mut package = Self { name, folder: folder.to_owned(), manifest, texts, files: Vec::new() };
        for root in ["lib.rs", "main.rs"] {
            if package.texts.contains_key(root) {
                package.add(root.to_owned(), Vec::new())?;
            }
        }
        Ok(package)
    }

    /// Returns the path of `file` relative to the checkout.
    pub(crate) fn path_of(&self, file: &SourceFile) -> String {
        format!("{}/src/{}", self.folder, file.path)
    }

    fn add(&mut self, path: String, module: Vec<String>) -> io::Result<()> {
        let syntax = syn::parse_file(&self.texts[&path]).map_err(|error| {
            let line = error.span().start().line;
            io::Error::other(format!("{}/src/{path}:{line}: {error}", self.folder))
        })?;
        let children = declared(&syntax.items, &module);
        let folder = path.rfind('/').map_or(String::new(), |end| path[..=end].to_owned());
        self.files.push(SourceFile { path, module, syntax });
        for (child, explicit) in children {
            let stem = child.join("/");
            let mut candidates = vec![format!("{stem}.rs"), format!("{stem}/mod.rs")];
            candidates.splice(0..0, explicit.map(|file| format!("{folder}{file}")));
            let Some(path) = candidates.into_iter().find(|path| self.texts.contains_key(path)) else {
                return Err(io::Error::other(format!("{}/src: module `{stem}` has no file", self.folder)));
            };
            self.add(path, child)?;
        }
        Ok(())
    }
}

/// Returns the modules that have files of their own, each with the file that `#[path]` names. Those
/// in modules without a file are included.
fn declared(items: &[syn::Item], module: &[String]) -> Vec<(Vec<String>, Option<String>)> {
    let mut found = Vec::new();
    for item in items {
        let syn::Item::Mod(declared_module) = item else { continue };
        if is_test_only(&declared_module.attrs) {
            continue;
        }
        let path = [module, &[declared_module.ident.to_string()]].concat();
        match &declared_module.content {
            Some((_, items)) => found.extend(declared(items, &path)),
            None => found.push((path, declared_module.attrs.iter().find_map(explicit_file))),
        }
    }
    found
}

/// Returns `x.rs` of `#[path = "x.rs"]`.
fn explicit_file(attribute: &syn::Attribute) -> Option<String> {
    let meta = attribute.meta.require_name_value().ok().filter(|meta| meta.path.is_ident("path"))?;
    match &meta.value {
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(file), .. }) => Some(file.value()),
        _ => None,
    }
}

fn read_folder(folder: &Path, prefix: &str, texts: &mut BTreeMap<String, String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            read_folder(&path, &format!("{prefix}{name}/"), texts)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            texts.insert(format!("{prefix}{name}"), fs::read_to_string(&path)?);
        }
    }
    Ok(())
}
