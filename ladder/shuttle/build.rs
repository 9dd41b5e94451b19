//! Takes the sources of a crate as they are, and has them see `shuttled_std` where they name `std`.
//! The package `NAME-shuttle` is `NAME`.
//!
//! Tokio and `parking_lot` are exchanged by name in `Cargo.toml`. The standard library's name
//! cannot be, so it is exchanged in a copy of the text: so the library itself needs no flag, and no
//! module that hides where its atomics come from.

use std::{env, error::Error, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    // Asked when it runs: a target folder that was copied has the script that was compiled
    // elsewhere.
    let (package, folder) = (env::var("CARGO_PKG_NAME")?, env::var("CARGO_MANIFEST_DIR")?);
    let name = package.strip_suffix("-shuttle").ok_or("the package is called NAME-shuttle")?;
    let sources = Path::new("crates").join(name).join("src");
    let above = Path::new(&folder).ancestors();
    let sources = above.map(|folder| folder.join(&sources)).find(|sources| sources.is_dir()).ok_or("no such crate")?;
    println!("cargo::rerun-if-changed={}", sources.display());
    copy(&sources, &Path::new(&env::var("OUT_DIR")?).join("sources"))
}

fn copy(from: &Path, to: &Path) -> Result<(), Box<dyn Error>> {
    // The copy of a removed module is harmless to the build, but misleads a reader.
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let Some(name) = path.file_name() else { continue };
        if path.is_dir() {
            copy(&path, &to.join(name))?;
        } else {
            let text = fs::read_to_string(&path)?;
            fs::write(to.join(name), exchange(&text, name == "lib.rs"))?;
        }
    }
    Ok(())
}

/// Exchanges the path `std::` wherever it begins one. An `include!` takes no inner attributes, so
/// the root loses its own.
fn exchange(text: &str, is_root: bool) -> String {
    let mut exchanged = String::with_capacity(text.len());
    for line in text.lines() {
        if is_root && (line.starts_with("//!") || line.starts_with("#![")) {
            exchanged.push('\n');
            continue;
        }
        // The library's own tests are for the real tokio.
        let mut rest = if line.trim() == "#[cfg(test)]" { "#[cfg(any())]" } else { line };
        while let Some(at) = rest.find("std::") {
            let begins = !rest[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
            exchanged.push_str(&rest[..at]);
            exchanged.push_str(if begins { "shuttled_std::" } else { "std::" });
            rest = &rest[at + "std::".len()..];
        }
        exchanged.push_str(rest);
        exchanged.push('\n');
    }
    exchanged
}
