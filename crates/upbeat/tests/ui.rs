//! The messages of the compiler for the commonest mistakes with players.
//!
//! After a change, look at them with
//! `TRYBUILD=overwrite cargo test -p upbeat --all-features --test ui`.

// The messages list the players, and shorten the paths of names that are unique.
#![cfg(all(feature = "cron", feature = "limit", feature = "serde"))]

use std::{env, process::Command};

/// The compiler of the recorded messages. Those of others have other words.
const RUSTC: &str = "rustc 1.95.";

#[test]
fn mistakes_have_helpful_messages() {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().expect("there is a compiler");
    let version = String::from_utf8(version.stdout).expect("the version is text");
    if !version.starts_with(RUSTC) {
        println!("skipped: the messages are those of {RUSTC}x, and this is {version}");
        return;
    }
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
