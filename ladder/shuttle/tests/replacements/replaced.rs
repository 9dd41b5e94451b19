//! The scripts on the replacements.

pub(crate) use {::parking_lot, ::tokio, ::tokio_util, shuttled_std as std};

#[path = "scripts/mod.rs"]
pub(crate) mod scripts;
