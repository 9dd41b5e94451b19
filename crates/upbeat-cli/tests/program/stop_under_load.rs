//! A stop under load loses no request: every request is answered in full, and the last response of
//! each connection has the header `connection: close`.
//!
//! `UPBEAT_LADDER_RUNS` sets the number of repetitions of each test.

use std::{
    env,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use crate::{http::Client, playing::play};

const CLIENTS: usize = 16;

/// The number of responses before the signal, so that it arrives under load.
const WARM_UP: u64 = 400;

/// The end of a connection.
#[derive(Debug, PartialEq, Eq)]
enum ConnectionEnd {
    /// A later request got no byte of a response before the connection was closed.
    Unanswered(String),
    /// The last response had the header `connection: close`.
    Announced,
    /// The connection was refused, because the server has stopped.
    Refused,
    /// The connection was accepted, but its first request got no response.
    Lost(String),
    /// A response was wrong or incomplete.
    Broken(String),
}

fn runs() -> usize {
    env::var("UPBEAT_LADDER_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(3)
}

/// Sends requests on one connection until it ends.
fn use_connection(address: SocketAddr, answered: &AtomicU64) -> ConnectionEnd {
    let Ok(mut client) = Client::connect(address) else {
        return ConnectionEnd::Refused;
    };
    for request in 0_u64.. {
        let answer = client.send("GET", "/").and_then(|()| client.answer());
        match answer {
            Ok(answer) if (answer.status, answer.body.as_slice()) != (200, b"Hello, world!") => {
                return ConnectionEnd::Broken(format!("{answer:?}"));
            }
            Ok(answer) => {
                answered.fetch_add(1, Ordering::Relaxed);
                if answer.header("connection") == Some("close") {
                    return ConnectionEnd::Announced;
                }
            }
            Err(error) if error.to_string() == "truncated" => return ConnectionEnd::Broken(error.to_string()),
            Err(error) if request == 0 => return ConnectionEnd::Lost(error.to_string()),
            Err(error) => return ConnectionEnd::Unanswered(error.to_string()),
        }
    }
    unreachable!("the numbers do not run out")
}

/// Uses one connection after the other until one is refused, and returns the ends of the others.
fn use_connections(address: SocketAddr, answered: &AtomicU64) -> Vec<ConnectionEnd> {
    std::iter::repeat_with(|| use_connection(address, answered))
        .take_while(|end| *end != ConnectionEnd::Refused)
        .collect()
}

/// Stops a server under load, and returns the ends of all connections.
fn stop_under_load(score: &str) -> Vec<ConnectionEnd> {
    let mut playing = play(score);
    let address = playing.address("web");
    let answered = Arc::new(AtomicU64::new(0));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let answered = answered.clone();
            thread::spawn(move || use_connections(address, &answered))
        })
        .collect();
    while answered.load(Ordering::Relaxed) < WARM_UP {
        thread::yield_now();
    }
    playing.signal("TERM");
    let ends = clients.into_iter().flat_map(|client| client.join().expect("a client does not panic")).collect();
    let ended = playing.end();
    assert_eq!(ended.code, 0, "{}", ended.text());
    ends
}

#[test]
fn no_response_is_broken_and_no_new_connection_is_lost() {
    for run in 0..runs() {
        let ends = stop_under_load("[server.web]\nkind = \"hello\"\nbind = \"127.0.0.1:0\"\n");
        let failed: Vec<_> = ends.iter().filter(|end| **end != ConnectionEnd::Announced).collect();
        assert!(failed.is_empty(), "run {run}: {failed:?}");
        assert!(!ends.is_empty());
    }
}

/// During the lame duck period new connections are served, too. The stop after it is as clean as
/// any other.
#[test]
fn a_lame_duck_under_load_loses_no_request() {
    for run in 0..runs() {
        let ends =
            stop_under_load("[score]\nlame_duck = \"300ms\"\n[server.web]\nkind = \"hello\"\nbind = \"127.0.0.1:0\"\n");
        let failed: Vec<_> = ends.iter().filter(|end| **end != ConnectionEnd::Announced).collect();
        assert!(failed.is_empty(), "run {run}: {failed:?}");
    }
}
