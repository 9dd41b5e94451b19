//! Signals, on processes: `tests/integration_test.rs` and `tests/integration_test_2.rs`.

use peers::{
    MS, S,
    child::{self, ChildProcess},
    threads,
};
use tokio::time::sleep;
use upbeat::{BoxError, Conductor, Context};

/// Not a test: the scenario of the started process, a player that needs 200 ms to stop.
#[test]
#[ignore = "other tests start it as a process"]
fn child() {
    let Some(_) = child::scenario() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let report = runtime.block_on(async {
        let waits = async |cx: Context| {
            child::print("started");
            assert!(cx.unless_stopping(sleep(30 * S)).await.is_none());
            assert!(cx.is_stopping());
            sleep(200 * MS).await;
            Ok::<_, BoxError>(())
        };
        Conductor::new("top").stop_timeout(4 * S).player("subsys", waits).play_until_signal().await
    });
    child::exit(&report)
}

/// Same as `shutdown_through_signal`.
#[test]
fn sigint_stops_cleanly() {
    threads(|| {
        let mut process = ChildProcess::start("tgs::signals::child", "waits");
        process.expect("started");
        process.signal("INT");
        let (code, said) = process.end();
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("SIGINT"), "{said}");
    });
}

/// Same as `shutdown_through_signal_2`.
#[test]
fn sigterm_stops_cleanly() {
    threads(|| {
        let mut process = ChildProcess::start("tgs::signals::child", "waits");
        process.expect("started");
        process.signal("TERM");
        let (code, said) = process.end();
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("SIGTERM"), "{said}");
    });
}
