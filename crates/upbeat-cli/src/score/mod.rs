//! Score files: from TOML to what can be played, with every fault at its place.

mod binds;
mod depends_on;
mod fault;
mod nearest;
mod parse;
mod plan;
mod render;
mod restart;
mod server;
mod settings;
mod source;
mod table;
#[cfg(test)]
mod tests;
mod value;

pub(crate) use fault::{Fault, Span};
pub(crate) use parse::{Score, parse};
pub(crate) use plan::stop_path;
pub(crate) use render::render;
pub(crate) use server::{Kind, Part, Server};
pub(crate) use settings::{LogStyle, Settings};
pub(crate) use source::{Source, Unreadable};
