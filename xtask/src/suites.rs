//! What each chore consists of.

use std::env;

use crate::step::Step;

/// Everything a change must pass, the quick checks first.
pub(crate) fn test() -> Vec<Step> {
    vec![
        Step::cargo("format", "fmt --all --check"),
        Step::cargo("format of the schedules", "fmt --all --check --manifest-path ladder/shuttle/Cargo.toml"),
        Step::cargo("format of the network", "fmt --all --check --manifest-path ladder/network/Cargo.toml"),
        Step::cargo("lints", "clippy --workspace --all-targets --all-features -- -D warnings"),
        Step::cargo("a browser", "xtask browser"),
        // The tests of documentation are included: an example that does not compile is a wrong
        // promise.
        Step::cargo("tests", "test --workspace --all-features"),
        // Workspaces of their own, with doubles of tokio: a minute to build, once, and then
        // seconds. A dependency that is missing there shows here.
        Step::cargo("schedules", &in_ladder("shuttle", "test")),
        Step::cargo("a simulated network", &in_ladder("network", "test")),
        Step::cargo("docs", "doc --workspace --no-deps --all-features").env("RUSTDOCFLAGS", "-Dwarnings"),
        // With `--workspace` features are unified, so only a build of one crate shows a feature it
        // forgot to ask for.
        Step::cargo("lean upbeat", "check -p upbeat --no-default-features"),
        Step::cargo("lean upbeat-http, without TLS", "check -p upbeat-http --no-default-features"),
    ]
}

/// What is too slow for every change.
pub(crate) fn ladder() -> Vec<Step> {
    vec![
        Step::cargo("get cargo-deny", "install --locked cargo-deny").unless(&["deny", "--version"]),
        Step::cargo("dependencies", "deny check bans licenses sources"),
        Step::cargo(
            "dependencies of the schedules",
            "deny --manifest-path ladder/shuttle/Cargo.toml check bans licenses sources",
        ),
        Step::cargo(
            "dependencies of the network",
            "deny --manifest-path ladder/network/Cargo.toml check bans licenses sources",
        ),
        Step::cargo("long property tests", "test --release -p upbeat-score")
            .env("PROPTEST_CASES", from_outside("PROPTEST_CASES", "100000")),
        // A target folder of its own: the flag would have everything built again.
        Step::cargo("model of the probe", "test --release -p upbeat-probe --test hand_over --target-dir target/loom")
            .env("RUSTFLAGS", "--cfg upbeat_loom")
            .env("LOOM_MAX_PREEMPTIONS", from_outside("LOOM_MAX_PREEMPTIONS", "2")),
        Step::cargo("lints of the schedules", &in_ladder("shuttle", LINTS)),
        Step::cargo("many schedules", &in_ladder("shuttle", "test"))
            .env("UPBEAT_SHUTTLE_RUNS", from_outside("UPBEAT_SHUTTLE_RUNS", "5000")),
        Step::cargo("lints of the network", &in_ladder("network", LINTS)),
        Step::cargo("many simulated networks", &in_ladder("network", "test"))
            .env("UPBEAT_NETWORK_SEEDS", from_outside("UPBEAT_NETWORK_SEEDS", "200")),
        // A test that is asked for by its name does not have the examples built, which this one
        // runs.
        Step::cargo("a room to fill", "build --release -p upbeat-chat --examples"),
        Step::cargo(
            "a room with a thousand clients",
            "test --release -p upbeat-chat --test chat -- load --ignored --nocapture",
        ),
        Step::cargo("seeded faults", "xtask faults"),
        Step::cargo("stop under load, many times", "test --release -p upbeat-cli --test program stop_under_load")
            .env("UPBEAT_LADDER_RUNS", from_outside("UPBEAT_LADDER_RUNS", "20")),
    ]
}

const LINTS: &str = "clippy --workspace --all-targets -- -D warnings";

/// A command for one of the ladder's own workspaces, which share a target folder.
fn in_ladder(workspace: &str, command: &str) -> String {
    let (chore, rest) = command.split_once(' ').unwrap_or((command, ""));
    format!("{chore} --manifest-path ladder/{workspace}/Cargo.toml --target-dir target/ladder {rest}")
}

/// A variable's value as the caller set it, or what it is when nobody did.
pub(crate) fn from_outside(name: &str, otherwise: &str) -> String {
    env::var(name).unwrap_or_else(|_| otherwise.to_owned())
}
