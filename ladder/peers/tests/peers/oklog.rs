//! The tests and examples of oklog/run: `group_test.go`, `actors_test.go`, `example_test.go`.

use std::{future::pending, sync::Arc, time::Duration};

use axum::{Router, routing::get};
use peers::{
    Event, Log, MS, S, Scripted,
    child::{self, ChildProcess},
    failures, idle, paused, real, sets_when_stopping, threads, unclean,
};
use tokio::time::{sleep, timeout};
use upbeat::{
    BoxError, Conductor, Context, ContextError, Part, Signal,
    report::{Cause, Outcome, StopCause},
    with,
};
use upbeat_http::{Address, HttpServer};

async fn fails_at_once(_: Context) -> Result<(), BoxError> {
    Err("immediate teardown".into())
}

/// Same as `TestZero`.
#[test]
fn a_conductor_without_players_ends_at_once() {
    paused(async || {
        let report = timeout(100 * MS, Conductor::new("g").play_until(pending())).await.expect("it ends");
        assert!(report.is_clean());
    });
}

/// Same as `TestOne`.
#[test]
fn the_error_of_the_only_player_is_the_result() {
    paused(async || {
        let report = timeout(100 * MS, Conductor::new("g").player("one", fails_at_once).play_until(pending()))
            .await
            .expect("it ends");
        assert_eq!(failures(report.player("g/one").unwrap()), ["immediate teardown"]);
        assert_eq!(report.exit_code(), 1);
    });
}

/// Same as `TestMany`.
#[test]
fn the_first_error_stops_the_others_and_is_the_result() {
    paused(async || {
        let interrupted = Event::default();
        let g = Conductor::new("g").player("one", fails_at_once).player("two", sets_when_stopping(&interrupted));
        let report = timeout(100 * MS, g.play_until(pending())).await.expect("it ends");
        assert!(interrupted.is_set());
        assert!(matches!(&report.cause, Cause::Failed { path } if &**path == "g/one"));
        assert_eq!(unclean(&report), ["g/one: failed"]);
    });
}

/// Same: with `stops_all`, as the documentation of `Run` has it.
#[test]
fn the_first_return_without_an_error_stops_all() {
    paused(async || {
        let two = Scripted::new();
        let returns = async |_: Context| {
            sleep(S).await;
            Ok::<_, BoxError>(())
        };
        let g = Conductor::new("g").part(Part::new("one", returns).stops_all()).player("two", two.player());
        let report = timeout(2 * S, g.play_until(pending())).await.expect("it ends");
        assert!(report.is_clean() && two.live() == 0, "{report}");
    });
}

/// Differs from `TestContextHandler`, `ExampleGroup_Add_context`: a requested stop is no error.
/// There it is `context canceled`.
#[test]
fn a_cancelled_context_stops_all() {
    paused(async || {
        let cx = Context::background().child();
        let (g, waits) = (Conductor::new("g").player("one", idle), cx.clone());
        let playing = tokio::spawn(g.play_until(async move { drop(waits.done().await) }));
        sleep(MS).await;
        cx.cancel("enough");
        let report = timeout(S, playing).await.expect("it ends").unwrap();
        assert!(report.is_clean() && matches!(report.cause, Cause::Stopped(StopCause::Requested)), "{report}");
    });
}

/// Same as `TestContextHandler`: the error of the player is the result.
#[test]
fn a_player_that_fails_with_another_context_stops_all() {
    paused(async || {
        let cx = Context::background().child();
        let actor =
            with(cx.clone(), async |outer: Context, cx: Context| match cx.unless_stopping(outer.done()).await {
                Some(error) => Err(error),
                None => Ok(()),
            });
        let playing =
            tokio::spawn(Conductor::new("g").player("context", actor).player("two", idle).play_until(pending()));
        sleep(MS).await;
        cx.cancel("enough");
        let report = timeout(S, playing).await.expect("it ends").unwrap();
        let error = &report.player("g/context").unwrap().failures[0].error;
        assert!(matches!(error.downcast_ref(), Some(ContextError::Canceled { .. })), "{report}");
    });
}

/// Not a test: the scenarios of the started process.
#[test]
#[ignore = "other tests start it as a process"]
fn child() {
    let Some(what) = child::scenario() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let report = runtime.block_on(async {
        let player = async |cx: Context| {
            child::print("started");
            cx.stopping().await;
            Ok::<_, BoxError>(())
        };
        let g = Conductor::new("g").player("one", player);
        let g = if what == "default" { g } else { g.stop_signals([what.parse::<Signal>().unwrap()]) };
        g.play_until_signal().await
    });
    let signal = match &report.cause {
        Cause::Stopped(StopCause::Signal(signal)) => format!("signal {signal}"),
        other => format!("{other:?}"),
    };
    child::print(&signal);
    child::exit(&report)
}

/// Differs from `TestSignalError`: a signal is the cause of the end and no error, so the exit code
/// is 0.
#[test]
fn the_report_names_the_signal() {
    threads(|| {
        let mut process = ChildProcess::start("oklog::child", "default");
        process.expect("started");
        process.signal("INT");
        let (code, said) = process.end();
        assert!(code == Some(0) && said.contains("signal SIGINT"), "{said}");
    });
}

/// Same as `TestSignalError`.
#[test]
fn the_stop_signals_can_be_chosen() {
    threads(|| {
        let mut process = ChildProcess::start("oklog::child", "usr2");
        process.expect("started");
        process.signal("USR2");
        let (code, said) = process.end();
        assert!(code == Some(0) && said.contains("signal SIGUSR2"), "{said}");
    });
}

/// Same as `TestSignalError`.
#[test]
fn sighup_can_be_a_stop_signal() {
    threads(|| {
        let mut process = ChildProcess::start("oklog::child", "hup");
        process.expect("started");
        process.signal("HUP");
        let (code, said) = process.end();
        assert!(code == Some(0) && said.contains("signal SIGHUP"), "{said}");
    });
}

/// Same as `TestSignalError`: the cause is `NoSignals`, and nothing panics.
#[test]
fn a_signal_that_cannot_be_caught_is_an_error() {
    threads(|| {
        let (code, said) = ChildProcess::start("oklog::child", "kill").end();
        assert!(code == Some(1) && said.contains("NoSignals"), "{code:?} {said}");
    });
}

/// Differs from `ExampleGroup_Add_basic`: a stopped player reads which part failed, and not its
/// error. A player that has returned is not interrupted.
#[test]
fn a_stopped_player_reads_the_path_of_the_failed_one() {
    paused(async || {
        let log = Log::default();
        let first = with(log.clone(), async |log: Log, cx: Context| {
            match cx.unless_stopping(sleep(S)).await {
                Some(()) => log.add("its time elapsed"),
                None => log.add(format!("interrupted: {}", cx.stop_cause().unwrap())),
            }
            Ok::<_, BoxError>(())
        });
        let g = Conductor::new("g").player("first", first).player("second", fails_at_once);
        let report = timeout(S, g.play_until(pending())).await.expect("it ends");
        assert_eq!(log.lines(), ["interrupted: g/second has failed"]);
        assert_eq!(failures(report.player("g/second").unwrap()), ["immediate teardown"]);
        assert_eq!(report.player("g/first").unwrap().outcome, Outcome::Stopped);
    });
}

/// Same as `ExampleGroup_Add_listener`: no second function is needed.
#[test]
fn a_server_stops_when_another_player_fails_and_its_port_is_free() {
    real(2, async || {
        let server = HttpServer::bind("127.0.0.1:0", Router::new().route("/", get(async || "hello")));
        let address = server.address();
        let waits = with((Arc::new(address.clone()),), async |(address,): (Arc<Address>,), _: Context| {
            address.wait().await;
            Err::<(), _>(BoxError::from("immediate teardown"))
        });
        let g = Conductor::new("g").player("server", server).player("second", waits);
        let report = timeout(Duration::from_secs(20), g.play_until(pending())).await.expect("it ends");
        assert_eq!(report.player("g/server").unwrap().outcome, Outcome::Stopped, "{report}");
        assert!(matches!(&report.cause, Cause::Failed { path } if &**path == "g/second"));
        let address = address.get();
        drop(address.map(|address| std::net::TcpListener::bind(address).expect("it is free")));
    });
}
