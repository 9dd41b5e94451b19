//! One edit of a fault: a text in an item, and the text in its place.

use std::{collections::BTreeMap, io, ops::Range, path::Path};

use crate::sources::{Package, named_items};

/// Replaces a text that stands exactly once in an item of a crate.
#[derive(Debug, Default)]
pub(super) struct Patch {
    /// The name of a crate in `crates`.
    pub(super) package: String,
    /// `Type::function` or `function`, in whichever module.
    pub(super) item: String,
    /// Whole lines.
    pub(super) from: String,
    pub(super) to: String,
}

/// The sources of the crates that patches are applied to, each read once.
#[derive(Debug)]
pub(super) struct Sources<'a> {
    checkout: &'a Path,
    packages: BTreeMap<String, Package>,
}

/// The place of a patch.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    /// Relative to the checkout.
    file: String,
    bytes: Range<usize>,
}

impl<'a> Sources<'a> {
    pub(super) fn new(checkout: &'a Path) -> Self {
        Self { checkout, packages: BTreeMap::new() }
    }

    /// Returns the files that the patches change, each with its new text.
    ///
    /// # Errors
    ///
    /// Fails if a patch applies nowhere or to several places, or if two of them overlap.
    pub(super) fn apply(&mut self, patches: &[Patch]) -> io::Result<BTreeMap<String, String>> {
        let mut places = Vec::new();
        for patch in patches {
            let package = self.package(&patch.package)?;
            places.push((patch.place(package).map_err(io::Error::other)?, patch));
        }
        // From the end of each file, so that the places before it stay right.
        places.sort_by_key(|(place, _)| std::cmp::Reverse(place.bytes.start));
        let mut changed: BTreeMap<String, (String, usize)> = BTreeMap::new();
        for (Place { file, bytes }, patch) in places {
            let (text, limit) = match changed.remove(&file) {
                Some(changed) => changed,
                None => (std::fs::read_to_string(self.checkout.join(&file))?, usize::MAX),
            };
            if bytes.end > limit {
                return Err(io::Error::other(format!("two patches overlap in `{}`", patch.item)));
            }
            let text = [&text[..bytes.start], &patch.to, &text[bytes.end..]].concat();
            changed.insert(file, (text, bytes.start));
        }
        Ok(changed.into_iter().map(|(file, (text, _))| (file, text)).collect())
    }

    fn package(&mut self, name: &str) -> io::Result<&Package> {
        if !self.packages.contains_key(name) {
            let package = Package::read(self.checkout, &format!("crates/{name}"))
                .map_err(|error| io::Error::other(format!("crate `{name}`: {error}")))?;
            self.packages.insert(name.to_owned(), package);
        }
        Ok(&self.packages[name])
    }
}

impl Patch {
    /// Returns the one place of `from`; the error is a message.
    fn place(&self, package: &Package) -> Result<Place, String> {
        let (name, item) = (&self.package, &self.item);
        let mut has_item = false;
        let mut places = Vec::new();
        for file in &package.files {
            let text = &package.texts[&file.path];
            for named in named_items(&file.syntax.items).into_iter().filter(|named| named.name == *item) {
                has_item = true;
                let lines = whole_lines(text, named.bytes);
                let found = text[lines.clone()].match_indices(&self.from);
                places.extend(found.map(|(at, from)| {
                    let start = lines.start + at;
                    Place { file: package.path_of(file), bytes: start..start + from.len() }
                }));
            }
        }
        let count = places.len();
        match places.pop() {
            _ if !has_item => Err(format!("crate `{name}` has no item `{item}`")),
            Some(place) if count == 1 => Ok(place),
            _ => Err(format!("`{item}` of `{name}` has this {count} times instead of once:\n{}", self.from)),
        }
    }
}

/// Extends a range to the lines that it touches, with the last line's end.
fn whole_lines(text: &str, bytes: Range<usize>) -> Range<usize> {
    let start = text[..bytes.start].rfind('\n').map_or(0, |end| end + 1);
    let end = text[bytes.end..].find('\n').map_or(text.len(), |end| bytes.end + end + 1);
    start..end
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "fn f() {\n    a();\n    b();\n    b();\n}\nimpl X {\n    fn f() {\n        a();\n    }\n}\n";

    fn place(item: &str, from: &str) -> Result<Place, String> {
        let texts = BTreeMap::from([("lib.rs".to_owned(), CODE.to_owned())]);
        let package = Package::new("crates/x", String::new(), texts).unwrap();
        let patch = Patch { package: "x".into(), item: item.into(), from: from.into(), ..Patch::default() };
        patch.place(&package)
    }

    #[test]
    fn a_text_is_found_in_its_item_alone() {
        let found = place("f", "    a();\n").unwrap();
        assert_eq!((found.file.as_str(), found.bytes.start), ("crates/x/src/lib.rs", CODE.find("    a();\n").unwrap()));
        let found = place("X::f", "        a();\n").unwrap();
        assert_eq!(found.bytes.start, CODE.rfind("        a();\n").unwrap());
    }

    #[test]
    fn what_does_not_stand_there_once_is_an_error() {
        assert!(place("f", "    b();\n").unwrap_err().contains("2 times"));
        assert!(place("X::f", "    b();\n").unwrap_err().contains("0 times"));
        assert!(place("Y::f", "    b();\n").unwrap_err().contains("no item `Y::f`"));
    }

    #[test]
    fn several_patches_of_a_file_are_applied_together() {
        let folder = std::env::temp_dir().join(format!("xtask-patch-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("crates/x/src")).unwrap();
        std::fs::write(folder.join("crates/x/Cargo.toml"), "").unwrap();
        std::fs::write(folder.join("crates/x/src/lib.rs"), CODE).unwrap();
        let patch = |item: &str, from: &str, to: &str| Patch {
            package: "x".into(),
            item: item.into(),
            from: from.into(),
            to: to.into(),
        };
        let first = patch("f", "    a();\n", "    c();\n    d();\n");
        let second = patch("X::f", "        a();\n", "");
        let files = Sources::new(&folder).apply(&[first, second]).unwrap();
        let expected = CODE.replacen("    a();\n", "    c();\n    d();\n", 1).replace("        a();\n", "");
        assert_eq!(files["crates/x/src/lib.rs"], expected);
        let overlapping = [patch("f", "    a();\n", ""), patch("f", "    a();\n    b();\n    b();\n", "")];
        assert!(Sources::new(&folder).apply(&overlapping).is_err());
        std::fs::remove_dir_all(folder).unwrap();
    }
}
