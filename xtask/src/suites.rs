//! What each chore consists of.

use std::env;

use crate::step::Step;

/// Everything a change must pass, the quick checks first.
pub(crate) fn test() -> Vec<Step> {
    vec![
        Step::cargo("format", "fmt --all --check"),
        Step::cargo("format of the ladder's schedules", "fmt --all --check --manifest-path ladder/shuttle/Cargo.toml"),
        Step::cargo("lints", "clippy --workspace --all-targets --all-features -- -D warnings"),
        // The tests of documentation are included: an example that does not compile is a wrong promise.
        Step::cargo("tests", "test --workspace --all-features"),
        // A workspace of its own, with a double of tokio. A second or two when it is built.
        Step::cargo("schedules", "test --manifest-path ladder/shuttle/Cargo.toml --target-dir target/ladder"),
        Step::cargo("docs", "doc --workspace --no-deps --all-features").env("RUSTDOCFLAGS", "-Dwarnings"),
        // With `--workspace` features are unified, so only a build of one crate shows a feature it forgot to ask for.
        Step::cargo("lean upbeat", "check -p upbeat --no-default-features"),
        Step::cargo("lean upbeat-http, without TLS", "check -p upbeat-http --no-default-features"),
    ]
}

/// What is too slow for every change.
pub(crate) fn ladder() -> Vec<Step> {
    vec![
        Step::cargo("get cargo-deny", "install --locked cargo-deny").unless(&["deny", "--version"]),
        Step::cargo("dependencies", "deny check bans licenses sources"),
        Step::cargo("long property tests", "test --release -p upbeat-score")
            .env("PROPTEST_CASES", from_outside("PROPTEST_CASES", "100000")),
        // A target folder of its own: the flag would have everything built again.
        Step::cargo("model of the probe", "test --release -p upbeat-probe --test hand_over --target-dir target/loom")
            .env("RUSTFLAGS", "--cfg upbeat_loom")
            .env("LOOM_MAX_PREEMPTIONS", from_outside("LOOM_MAX_PREEMPTIONS", "2")),
        Step::cargo(
            "lints of the schedules",
            "clippy --manifest-path ladder/shuttle/Cargo.toml --target-dir target/ladder --workspace --all-targets -- -D warnings",
        ),
        Step::cargo("many schedules", "test --manifest-path ladder/shuttle/Cargo.toml --target-dir target/ladder")
            .env("UPBEAT_SHUTTLE_RUNS", from_outside("UPBEAT_SHUTTLE_RUNS", "5000")),
        Step::cargo("seeded faults", "xtask faults"),
        Step::cargo("stop under load, many times", "test --release -p upbeat-cli --test program stop_under_load")
            .env("UPBEAT_LADDER_RUNS", from_outside("UPBEAT_LADDER_RUNS", "20")),
    ]
}

/// A variable's value as the caller set it, or what it is when nobody did.
pub(crate) fn from_outside(name: &str, otherwise: &str) -> String {
    env::var(name).unwrap_or_else(|_| otherwise.to_owned())
}
