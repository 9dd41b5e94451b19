//! The test `server_test.go` of `stephenafamo/orchestra`, and the promises of its README and of the
//! comments in `conductor.go`.

use std::{
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use axum::{Router, routing::get};
use peers::{
    Event, MS, S, Scripted,
    child::{self, ChildProcess},
    deaf, idle, paused, playing, real, stop, stop_cleanly, threads,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{sleep, timeout},
};
use upbeat::{
    BoxError, Conductor, Context, Part, Player,
    report::{Cause, Outcome},
    restart::{Backoff, Restart},
    with,
};
use upbeat_http::HttpServer;

fn app() -> Router {
    Router::new().route("/", get(async || "hello"))
}

/// Stops a server with a request that does not end. Returns the duration of the stop.
async fn stops_in(drain_timeout: Duration) -> Duration {
    let begun = Event::default();
    let set = begun.clone();
    let hangs = get(async move || {
        set.set();
        pending::<&'static str>().await
    });
    let server = HttpServer::bind("127.0.0.1:0", app().route("/hangs", hangs)).drain_timeout(drain_timeout);
    let address = server.address();
    let (handle, playing) = playing(Conductor::new("c").stop_timeout(20 * S).player("server", server));
    let mut client = TcpStream::connect(address.wait().await).await.unwrap();
    client.write_all(b"GET /hangs HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    begun.wait().await;
    let report = timeout(30 * S, stop(&handle, playing)).await.expect("it ends");
    assert_eq!(report.exit_code(), 124, "the request is lost: {report}");
    report.stop_took.unwrap()
}

/// Same as `TestNewServerPlayer`: "set timeout to 5s" and the default of 10 s.
#[test]
fn the_drain_timeout_of_a_server_can_be_set() {
    real(2, async || {
        let took = stops_in(300 * MS).await;
        assert!(took >= 250 * MS && took < 9 * S, "{took:?}");
    });
}

/// Same as `TestNewServerPlayer`: "replace default http server".
#[test]
fn a_server_can_have_a_listener() {
    real(2, async || {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (handle, playing) =
            playing(Conductor::new("c").player("server", HttpServer::from_listener(listener, app())));
        handle.overview().wait_ready().await;
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("hello"), "{answer}");
        stop_cleanly(&handle, playing).await;
    });
}

/// Same: `Play` starts the players and stops them gracefully when the context is done. A conductor
/// is itself a player.
#[test]
fn nested_players_play_and_are_stopped() {
    paused(async || {
        let [a, b, c] = [Scripted::stops_after(S), Scripted::stops_after(S), Scripted::stops_after(S)];
        let inner = Conductor::new("inner").player("c", c.player());
        let (handle, playing) =
            playing(Conductor::new("outer").player("a", a.player()).player("b", b.player()).player("inner", inner));
        handle.overview().wait_ready().await;
        assert_eq!([&a, &b, &c].map(Scripted::live), [1; 3]);
        stop_cleanly(&handle, playing).await;
        assert_eq!([&a, &b, &c].map(Scripted::live), [0; 3]);
    });
}

/// Same: `getTimeoutError` names the players that are left. Here they are also aborted.
#[test]
fn players_that_miss_the_deadline_are_named() {
    paused(async || {
        let conductor = Conductor::new("c").stop_timeout(5 * S).player("function", deaf).player("server", idle);
        let inner = Conductor::new("inner").player("deep", deaf);
        let report = conductor.player("inner", inner).play_until(sleep(S)).await;
        assert_eq!(report.exit_code(), 124);
        let late: Vec<_> = report.players.iter().filter(|player| player.overran).map(|player| &*player.path).collect();
        assert_eq!(late, ["c/function", "c/inner/deep"], "{report}");
        assert!(report.stop_took.unwrap() < 6 * S);
    });
}

/// Same: `InstrumentError` has the name of the player and its error.
#[test]
fn an_error_has_the_path_of_its_player() {
    paused(async || {
        let fails = async |_: Context| Err::<(), _>(std::io::Error::other("broken"));
        let report = Conductor::new("c").player("good", idle).player("bad", fails).play_until(pending()).await;
        let bad = report.players.iter().find(|player| !player.is_clean()).unwrap();
        assert_eq!(&*bad.path, "c/bad");
        assert!(bad.failures[0].error.is::<std::io::Error>());
        assert!(report.to_string().contains("broken"));
    });
}

/// Differs from `playWithLogger`: the conductor waits for all players and keeps all errors. There
/// it returns at the first one.
#[test]
fn after_an_error_all_players_are_awaited() {
    paused(async || {
        let slow = Scripted::stops_after(3 * S);
        let fails = async |_: Context| Err::<(), _>(BoxError::from("broken"));
        let report = Conductor::new("c").player("slow", slow.player()).player("bad", fails).play_until(pending()).await;
        assert_eq!((report.stop_took, slow.live()), (Some(3 * S), 0));
        assert_eq!(report.player("c/slow").unwrap().outcome, Outcome::Stopped);
    });
}

/// Same: a conductor does not start the same player twice. Here that is a fault.
#[test]
fn a_player_that_is_added_twice_is_a_fault() {
    paused(async || {
        struct Counts(AtomicU32);
        impl Player for Counts {
            type Error = BoxError;
            async fn play(&self, cx: Context) -> Result<(), BoxError> {
                self.0.fetch_add(1, SeqCst);
                cx.stopping().await;
                Ok(())
            }
        }
        let shared = Arc::new(Counts(AtomicU32::new(0)));
        let report =
            Conductor::new("c").player("a", shared.clone()).player("b", shared.clone()).play_until(pending()).await;
        assert_eq!((report.exit_code(), shared.0.load(SeqCst)), (78, 0));
        assert!(matches!(report.cause, Cause::BadScore(_)));
    });
}

/// Same: players are restarted with an exponential backoff.
#[test]
fn a_player_is_restarted_with_growing_delays() {
    paused(async || {
        let starts = Arc::new(Mutex::new(Vec::new()));
        let fails = with(starts.clone(), async |starts: Arc<Mutex<Vec<tokio::time::Instant>>>, _: Context| {
            starts.lock().unwrap().push(tokio::time::Instant::now());
            Err::<(), _>(BoxError::from("broken"))
        });
        let policy = Restart::on_failure(Backoff::exponential(500 * MS, 60 * S).jitter(0.0));
        let report = Conductor::new("c").part(Part::new("bad", fails).restart(policy)).play_until(sleep(10 * S)).await;
        let starts = starts.lock().unwrap();
        let delays: Vec<_> = starts.windows(2).map(|pair| (pair[1] - pair[0]).as_millis()).collect();
        assert_eq!(delays, [500, 1000, 2000, 4000]);
        assert_eq!(report.player("c/bad").unwrap().outcome, Outcome::Stopped, "{report}");
    });
}

/// Same as `conductPlayer`.
#[test]
fn a_stop_ends_a_backoff() {
    paused(async || {
        let fails = async |_: Context| Err::<(), _>(BoxError::from("broken"));
        let part = Part::new("bad", fails).restart(Restart::on_failure(Backoff::constant(S * 3600)));
        let report = Conductor::new("c").part(part).play_until(sleep(S)).await;
        assert_eq!(report.stop_took, Some(Duration::ZERO), "{report}");
    });
}

/// Not a test: the scenario of the started process.
#[test]
#[ignore = "other tests start it as a process"]
fn child() {
    let Some(_) = child::scenario() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let report = runtime.block_on(async {
        let player = async |cx: Context| {
            child::print("started");
            cx.stopping().await;
            child::print("stopped");
            Ok::<_, BoxError>(())
        };
        Conductor::new("c").player("a", player).play_until_signal().await
    });
    child::exit(&report)
}

/// Same: `PlayUntilSignal`.
#[test]
fn it_plays_until_a_signal() {
    threads(|| {
        for signal in ["INT", "TERM"] {
            let mut process = ChildProcess::start("orchestra::child", "plays");
            process.expect("started");
            process.signal(signal);
            let (code, said) = process.end();
            assert!(code == Some(0) && said.contains("stopped"), "{said}");
        }
    });
}
