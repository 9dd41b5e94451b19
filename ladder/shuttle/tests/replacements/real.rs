//! The scripts on the originals.

pub(crate) use {::std, real_parking_lot as parking_lot, real_tokio as tokio, real_tokio_util as tokio_util};

#[path = "scripts/mod.rs"]
pub(crate) mod scripts;
