//! The examples.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use peers::{Log, MS, S, failures, idle, logs, paused, playing, real, threads};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::{sleep, timeout},
};
use upbeat::{
    BoxError, Conductor, Context, Part,
    report::Outcome,
    restart::{Backoff, Restart},
    score::OnFailure,
    with,
};
use upbeat_http::{Socket, TcpServer};

/// Same as example 12, `subsystem_auto_restart`: a policy replaces the code.
#[test]
fn a_player_that_panics_every_two_seconds_is_restarted() {
    paused(async || {
        let runs = Arc::new(AtomicU32::new(0));
        let panics = with(runs.clone(), async |runs: Arc<AtomicU32>, cx: Context| {
            runs.fetch_add(1, SeqCst);
            match cx.unless_stopping(sleep(2 * S)).await {
                Some(()) => panic!("Subsystem1 panicked!"),
                None => Ok::<_, BoxError>(()),
            }
        });
        let policy = Restart::on_failure(Backoff::constant(Duration::ZERO));
        let top = Conductor::new("top").part(Part::new("subsys", panics).restart(policy));
        let report = top.play_until(sleep(21 * S)).await;
        assert_eq!(runs.load(SeqCst), 11);
        assert_eq!(report.player("top/subsys").unwrap().outcome, Outcome::Stopped);
        assert_eq!(report.exit_code(), 0, "{report}");
    });
}

/// Same as examples 19, `sequential_shutdown`, and 20, `orchestrated_shutdown_order`: edges replace
/// the code.
#[test]
fn parts_stop_one_after_the_other_in_the_order_of_edges() {
    paused(async || {
        let log = Log::default();
        let top = Conductor::new("top")
            .player("root", logs(&log, "root", 200 * MS))
            .part(Part::new("nested3", logs(&log, "nested3", 200 * MS)).after("root"))
            .part(Part::new("nested2", logs(&log, "nested2", 200 * MS)).after("nested3"))
            .part(Part::new("nested1", logs(&log, "nested1", 200 * MS)).after("nested2"));
        let report = top.play_until(sleep(100 * MS)).await;
        assert!(report.is_clean(), "{report}");
        let wanted = ["nested1", "nested2", "nested3", "root"]
            .map(|name| [format!("{name} stopping"), format!("{name} stopped")]);
        assert_eq!(log.lines()[4..], wanted.concat());
        assert_eq!(report.stop_took, Some(800 * MS));
    });
}

/// Same as example 21, `tcp_echo_server`.
#[test]
fn a_server_that_stops_writes_to_its_connections() {
    real(2, async || {
        let handler = async |mut tcp: Socket, cx: Context| {
            let mut buffer = [0; 256];
            loop {
                match cx.unless_stopping(tcp.read(&mut buffer)).await {
                    Some(Ok(0) | Err(_)) => return Ok::<_, BoxError>(()),
                    Some(Ok(n)) => tcp.write_all(&buffer[..n].to_ascii_uppercase()).await?,
                    None => {
                        tcp.write_all(b"Goodbye.").await?;
                        return Ok(());
                    }
                }
            }
        };
        let server = TcpServer::bind("127.0.0.1:0", handler);
        let address = server.address();
        let (handle, playing) = playing(Conductor::new("top").player("echo", server));
        let mut client = tokio::net::TcpStream::connect(address.wait().await).await.unwrap();
        client.write_all(b"hello").await.unwrap();
        let mut answer = [0; 5];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HELLO");
        handle.stop();
        let mut rest = Vec::new();
        timeout(10 * S, client.read_to_end(&mut rest)).await.unwrap().unwrap();
        assert_eq!(rest, b"Goodbye.");
        let report = playing.await.unwrap();
        assert!(report.is_clean(), "{report}");
    });
}

/// Same as example 23, `shutdown_from_external`.
#[test]
fn another_thread_can_stop_it() {
    threads(|| {
        let top = Conductor::new("top").player("counter", idle);
        let handle = top.handle();
        let playing =
            std::thread::spawn(move || tokio::runtime::Runtime::new().unwrap().block_on(top.play_until(pending())));
        let here = tokio::runtime::Builder::new_current_thread().build().unwrap();
        here.block_on(handle.overview().wait_ready());
        handle.stop();
        assert!(playing.join().unwrap().is_clean());
    });
}

/// Same as `CatchAndLocalShutdown` in examples 12 and 14: `OnFailure::Ignore`.
#[test]
fn an_ignored_failure_does_not_stop_the_others() {
    paused(async || {
        let fails = async |_: Context| Err::<(), _>(BoxError::from("Error!"));
        let part = Part::new("nested", fails).on_failure(OnFailure::Ignore);
        let report = Conductor::new("top").part(part).player("other", idle).play_until(sleep(S)).await;
        assert_eq!(report.took, S);
        assert!(report.is_clean());
        assert_eq!(failures(report.player("top/nested").unwrap()), ["Error!"]);
    });
}
