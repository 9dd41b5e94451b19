//! The rooms of each crate: which file may import which, and what belongs where.
//!
//! The rules stand at the top of ARCHITECTURE.md. This checks those that a program can check, and
//! prints the figures.

mod arrow;
mod figures;
mod finding;
mod graph;
mod items;
mod layout;
mod names;
mod paths;
mod rooms;
mod rules;
#[cfg(test)]
mod tests;

use std::{io, process::ExitCode};

use crate::{console, options::CheckOptions, sources::Package};
use rooms::Rooms;

/// Checks the crates that `options` select.
pub(crate) fn run(options: &CheckOptions) -> io::Result<ExitCode> {
    let mut packages = Package::all(&options.root)?;
    packages.retain(|package| options.only.is_empty() || options.only.contains(&package.name));
    let rooms = packages.iter().map(Rooms::new).collect::<io::Result<Vec<_>>>()?;
    let mut failed = 0;
    if !options.figures {
        for finding in rooms.iter().flat_map(rules::check) {
            console::print(&format!("{finding}\n"))?;
            failed += 1;
        }
        console::print(if failed == 0 { "" } else { "\n" })?;
    }
    console::print(&figures::table(&rooms))?;
    if options.figures {
        return Ok(ExitCode::SUCCESS);
    }
    console::print(&figures::derived_floors(&rooms))?;
    if failed == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    console::print(&format!("\n{failed} findings. The rules are at the top of ARCHITECTURE.md.\n"))?;
    Ok(ExitCode::FAILURE)
}
