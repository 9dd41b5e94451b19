//! Score files: the parser from TOML to servers, and faults with their positions.

mod bind_conflicts;
mod fault;
mod parse;
mod plan;
mod render;
mod server;
mod settings;
mod source;
mod suggest;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use fault::{Fault, Span};
pub(crate) use parse::{Score, parse};
pub(crate) use plan::stop_path;
pub(crate) use render::render;
pub(crate) use server::{Kind, Part, Server};
pub(crate) use settings::{LogStyle, Settings};
pub(crate) use source::{ReadError, Source};
