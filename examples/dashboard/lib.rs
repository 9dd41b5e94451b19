//! The parts of the example program `dashboard`, see `main.rs`.

mod answer;
mod auth;
pub mod backends;
mod merge;
mod settings;
mod upstream;
mod web;

pub use settings::Settings;
pub use upstream::{Upstream, Upstreams};
pub use web::web;
