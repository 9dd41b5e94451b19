//! The steps of each task.

use std::{
    env,
    hash::{BuildHasher as _, RandomState},
};

use crate::step::{Step, Tool};

/// Everything a change must pass, the quick checks first.
pub(crate) fn test() -> Vec<Step> {
    vec![
        Step::cargo("format", "fmt --all --check"),
        Step::cargo("format of the schedules", "fmt --all --check --manifest-path ladder/shuttle/Cargo.toml"),
        Step::cargo("format of the network", "fmt --all --check --manifest-path ladder/network/Cargo.toml"),
        Step::cargo("format of the fuzz targets", "fmt --all --check --manifest-path fuzz/Cargo.toml"),
        Step::cargo("rooms", "xtask structure"),
        Step::cargo("words", "xtask words"),
        Step::cargo("faults that apply", "xtask faults --check"),
        Step::cargo("lints", "clippy --workspace --all-targets --all-features -- -D warnings"),
        Step::cargo("a browser", "xtask browser"),
        // Includes the tests of documentation.
        Step::cargo("tests", "test --workspace --all-features"),
        // Workspaces of their own, with replacements of tokio: a minute to build, once, and then
        // seconds. A dependency that is missing there fails here.
        Step::cargo("schedules", &in_ladder("shuttle", "test")),
        Step::cargo("a simulated network", &in_ladder("network", "test")),
        Step::cargo("docs", "doc --workspace --no-deps --all-features").env("RUSTDOCFLAGS", "-Dwarnings"),
        // With `--workspace` features are unified. Only a build of one crate alone shows that it
        // does not enable a feature it needs.
        Step::cargo("lean upbeat", "check -p upbeat --no-default-features"),
        Step::cargo("lean upbeat-http, without TLS", "check -p upbeat-http --no-default-features"),
    ]
}

/// The checks that are too slow for every change.
///
/// `seed` selects the random cases. The seeded faults are tried under the fixed seeds of the
/// everyday run, which must be enough to catch them.
pub(crate) fn ladder(seed: &str) -> Vec<Step> {
    let mut steps = vec![
        Step::cargo("dependencies", "deny check bans licenses sources").needs(CARGO_DENY),
        Step::cargo(
            "dependencies of the schedules",
            "deny --manifest-path ladder/shuttle/Cargo.toml check bans licenses sources",
        ),
        Step::cargo(
            "dependencies of the network",
            "deny --manifest-path ladder/network/Cargo.toml check bans licenses sources",
        ),
        Step::cargo("dependencies of the fuzz targets", "deny --manifest-path fuzz/Cargo.toml check bans sources"),
        Step::cargo("long property tests", "test --release -p upbeat-score")
            .env("PROPTEST_CASES", from_outside("PROPTEST_CASES", "100000"))
            .env("PROPTEST_RNG_SEED", seed),
        Step::cargo("other property tests", "test --workspace --all-features --lib --bins --tests")
            .env("PROPTEST_RNG_SEED", seed),
        // A target folder of its own: the flag would have everything built again.
        Step::cargo("model of the probe", "test --release -p upbeat-probe --test hand_over --target-dir target/loom")
            .env("RUSTFLAGS", "--cfg upbeat_loom")
            .env("LOOM_MAX_PREEMPTIONS", from_outside("LOOM_MAX_PREEMPTIONS", "2")),
        Step::cargo("lints of the schedules", &in_ladder("shuttle", LINTS)),
        Step::cargo("many schedules", &in_ladder("shuttle", "test"))
            .env("UPBEAT_SHUTTLE_RUNS", from_outside("UPBEAT_SHUTTLE_RUNS", "5000"))
            .env("UPBEAT_SEED", seed)
            .env("PROPTEST_RNG_SEED", seed),
        Step::cargo("lints of the network", &in_ladder("network", LINTS)),
        Step::cargo("many simulated networks", &in_ladder("network", "test"))
            .env("UPBEAT_NETWORK_SEEDS", from_outside("UPBEAT_NETWORK_SEEDS", "200"))
            .env("UPBEAT_SEED", seed),
        // Selecting a test by name does not build the examples, which this one runs.
        Step::cargo("a room to fill", "build --release -p upbeat-chat --examples"),
        Step::cargo(
            "a room with a thousand clients",
            "test --release -p upbeat-chat --test chat -- load --ignored --nocapture",
        ),
        Step::cargo("seeded faults", "xtask faults"),
        Step::cargo("stop under load, many times", "test --release -p upbeat-cli --test program stop_under_load")
            .env("UPBEAT_LADDER_RUNS", from_outside("UPBEAT_LADDER_RUNS", "20")),
        Step::cargo(
            "lints of the fuzz targets",
            "clippy --manifest-path fuzz/Cargo.toml --target-dir target/fuzz --all-targets -- -D warnings",
        ),
    ];
    steps.extend(FUZZ_TARGETS.map(|(target, purpose)| fuzz(target, purpose, seed)));
    steps
}

/// The programs of `fuzz/targets`, and the bytes that each of them tries.
const FUZZ_TARGETS: [(&str, &str); 7] = [
    ("score", "fuzzed score files"),
    ("request", "fuzzed requests"),
    ("preface", "fuzzed first bytes and frames"),
    ("json_entries", "fuzzed lines of JSON"),
    ("lines", "fuzzed lines"),
    ("csv_rows", "fuzzed rows of CSV"),
    ("cron", "fuzzed cron expressions"),
];

/// Runs a fuzz target for some time. It needs no nightly compiler, because no sanitizer is used.
fn fuzz(target: &str, purpose: &'static str, seed: &str) -> Step {
    let seconds = from_outside("UPBEAT_FUZZ_SECONDS", "60");
    let run = format!("fuzz run -s none --target-dir target/fuzz {target}");
    Step::cargo(purpose, &format!("{run} -- -max_total_time={seconds} -timeout=60 -seed={seed}")).needs(CARGO_FUZZ)
}

const CARGO_DENY: Tool = Tool { probe: &["deny", "--version"], install: "cargo install --locked cargo-deny" };
const CARGO_FUZZ: Tool = Tool { probe: &["fuzz", "--version"], install: "cargo install --locked cargo-fuzz" };
const LINTS: &str = "clippy --workspace --all-targets -- -D warnings";

/// A command for one of the ladder's own workspaces, which share a target folder.
fn in_ladder(workspace: &str, command: &str) -> String {
    let (subcommand, rest) = command.split_once(' ').unwrap_or((command, ""));
    format!("{subcommand} --manifest-path ladder/{workspace}/Cargo.toml --target-dir target/ladder {rest}")
}

/// Returns the seed of a run of the ladder: the value of `UPBEAT_SEED`, or a new one.
pub(crate) fn seed() -> String {
    // Each process has new keys from the operating system. 32 bits are easy to copy.
    from_outside("UPBEAT_SEED", &(RandomState::new().hash_one(()) >> 32).to_string())
}

/// Returns a variable's value as the caller set it, or `otherwise`.
pub(crate) fn from_outside(name: &str, otherwise: &str) -> String {
    env::var(name).unwrap_or_else(|_| otherwise.to_owned())
}
