//! A stop under load loses nothing: every request that was sent is answered, in full, until the last answer of a connection
//! says that it was the last.
//!
//! `UPBEAT_LADDER_RUNS` says how often each test repeats.

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

/// How many answers each load waits for before the signal, so that it arrives in the middle.
const WARM_UP: u64 = 400;

/// How a connection ended.
#[derive(Debug, PartialEq, Eq)]
enum Farewell {
    /// A request on a connection that had been used before was met by its close; nothing of an answer had come.
    Unanswered(String),
    /// The last answer said `connection: close`.
    Announced,
    /// It was not accepted: the server has stopped.
    Refused,
    /// It was accepted and its first request was not answered.
    Lost(String),
    /// An answer began and did not end as it should.
    Broken(String),
}

fn runs() -> usize {
    env::var("UPBEAT_LADDER_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(3)
}

/// Asks over one connection until it is over.
fn one_connection(address: SocketAddr, answered: &AtomicU64) -> Farewell {
    let Ok(mut client) = Client::connect(address) else {
        return Farewell::Refused;
    };
    for request in 0_u64.. {
        let answer = client.send("GET", "/").and_then(|()| client.answer());
        match answer {
            Ok(answer) if (answer.status, answer.body.as_slice()) != (200, b"Hello, world!") => {
                return Farewell::Broken(format!("{answer:?}"));
            }
            Ok(answer) => {
                answered.fetch_add(1, Ordering::Relaxed);
                if answer.header("connection") == Some("close") {
                    return Farewell::Announced;
                }
            }
            Err(error) if error.to_string() == "truncated" => return Farewell::Broken(error.to_string()),
            Err(error) if request == 0 => return Farewell::Lost(error.to_string()),
            Err(error) => return Farewell::Unanswered(error.to_string()),
        }
    }
    unreachable!("the numbers do not run out")
}

/// Asks over one connection after the other until no more is accepted; gives every farewell but the last.
fn keep_asking(address: SocketAddr, answered: &AtomicU64) -> Vec<Farewell> {
    std::iter::repeat_with(|| one_connection(address, answered))
        .take_while(|farewell| *farewell != Farewell::Refused)
        .collect()
}

/// Stops a server under load; gives how all connections ended.
fn stop_under_load(score: &str) -> Vec<Farewell> {
    let mut playing = play(score);
    let address = playing.address("web");
    let answered = Arc::new(AtomicU64::new(0));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let answered = answered.clone();
            thread::spawn(move || keep_asking(address, &answered))
        })
        .collect();
    while answered.load(Ordering::Relaxed) < WARM_UP {
        thread::yield_now();
    }
    playing.signal("TERM");
    let farewells = clients.into_iter().flat_map(|client| client.join().expect("a client does not panic")).collect();
    let ended = playing.end();
    assert_eq!(ended.code, 0, "{}", ended.text());
    farewells
}

#[test]
fn no_answer_is_broken_and_no_new_connection_is_lost() {
    for run in 0..runs() {
        let farewells = stop_under_load("[server.web]\nkind = \"hello\"\nbind = \"127.0.0.1:0\"\n");
        let harm: Vec<_> = farewells.iter().filter(|end| **end != Farewell::Announced).collect();
        assert!(harm.is_empty(), "run {run}: {harm:?}");
        assert!(!farewells.is_empty());
    }
}

/// The lame duck goes on serving new connections as well, and then the stop is as clean as any.
#[test]
fn a_lame_duck_under_load_loses_nothing_either() {
    for run in 0..runs() {
        let farewells =
            stop_under_load("[score]\nlame_duck = \"300ms\"\n[server.web]\nkind = \"hello\"\nbind = \"127.0.0.1:0\"\n");
        let harm: Vec<_> = farewells.iter().filter(|end| **end != Farewell::Announced).collect();
        assert!(harm.is_empty(), "run {run}: {harm:?}");
    }
}
