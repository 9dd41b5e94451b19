//! The built-in servers, as routers.

mod app;
mod echo;
mod files;
mod greet;
#[cfg(test)]
mod tests;
mod usage;

pub(crate) use app::app;
pub(crate) use echo::echo;
pub(crate) use files::files;
pub(crate) use greet::{hello, hello_name};
