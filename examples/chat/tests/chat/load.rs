//! A room with many in it.

use std::{
    io::{self, Write as _},
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, future::join_all};
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::{sync::Semaphore, time::timeout};
use tokio_tungstenite::tungstenite::Message;

use crate::server::{Client, SOON, Server, UNLIMITED};

struct Load {
    clients: usize,
    /// How many of these do not read.
    stalled: usize,
    /// How many messages the room carries a second. Each goes to every client.
    rate: u32,
    messages: usize,
    bytes: usize,
}

/// A room of this size, for a short while; a tenth does not read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_lose_nothing_and_the_tenth_that_does_not_read_is_dropped() {
    Load { clients: 200, stalled: 20, rate: 20, messages: 40, bytes: 4000 }.run().await;
}

/// The same with a thousand, 10 messages a second, for 10 s: 10,000 deliveries a second. `UPBEAT_CHAT_RATE` sets another number of messages a second.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes 10 s and two processors; `cargo xtask ladder` runs it"]
async fn a_thousand_readers_lose_nothing() {
    let rate = std::env::var("UPBEAT_CHAT_RATE").map_or(10, |rate| rate.parse().expect("a number"));
    Load { clients: 1000, stalled: 100, rate, messages: 10 * rate as usize, bytes: 4000 }.run().await;
}

impl Load {
    async fn run(self) {
        let Self { clients, stalled, rate, messages, bytes } = self;
        raise_file_limit(2 * clients as u64);
        let server = Arc::new(Server::start(&UNLIMITED));
        let entrance = Arc::new(Semaphore::new(32));
        let joining = (0..clients).map(|number| {
            let (server, entrance) = (server.clone(), entrance.clone());
            tokio::spawn(async move {
                let _turn = entrance.acquire().await.expect("open");
                let name = format!("client {number}");
                if number < stalled { server.join_lazily(&name).await } else { server.join(&name).await }
            })
        });
        let mut readers: Vec<_> = join_all(joining).await.into_iter().map(|client| client.expect("no panic")).collect();
        let lazy: Vec<_> = readers.drain(..stalled).collect();
        let mut speaker = server.join("speaker").await;

        let begun = Instant::now();
        let reading: Vec<_> = readers.into_iter().map(|client| tokio::spawn(read(client, messages, begun))).collect();
        let filling = "x".repeat(bytes);
        let mut clock = tokio::time::interval(Duration::from_secs(1) / rate);
        for number in 0..messages {
            clock.tick().await;
            speaker.say(&format!("{number} {} {filling}", begun.elapsed().as_micros())).await;
            while !matches!(speaker.hears().await, (_, text) if text.starts_with(&format!("{number} "))) {}
        }
        let (mut delays, mut failures) = (Vec::new(), Vec::new());
        for reader in reading {
            match reader.await.expect("no panic") {
                Ok(each) => delays.extend(each),
                Err(failure) => failures.push(failure),
            }
        }
        assert!(failures.is_empty(), "{} readers lost something, the first: {}", failures.len(), failures[0]);
        delays.sort_unstable();
        let at = |percent: usize| delays[(delays.len() - 1) * percent / 100];
        let figures = format!(
            "{} readers got all {messages} messages of {bytes} bytes, {rate} a second, in {:.1} s; a delivery took {:?} (median), \
             {:?} (99 of 100), {:?} (longest)\n",
            clients - stalled,
            begun.elapsed().as_secs_f64(),
            at(50),
            at(99),
            at(100),
        );
        io::stderr().write_all(figures.as_bytes()).expect("written");
        drop(lazy);
        let server = Arc::into_inner(server).expect("nobody joins any more");
        let ended = server.stop().await;
        assert_eq!(ended.code, Some(0), "{}", ended.said);
        let said = format!("{messages} messages sent, {} members joined, {stalled} dropped as too slow", clients + 1);
        assert!(ended.said.contains(&said), "{}", ended.said);
    }
}

/// Reads so many messages, sees that none is missing, and tells how long each was on its way.
async fn read(mut client: Client, messages: usize, begun: Instant) -> Result<Vec<Duration>, String> {
    let mut delays = Vec::with_capacity(messages);
    while delays.len() < messages {
        let text = match timeout(SOON, client.socket.next()).await {
            Ok(Some(Ok(Message::Text(text)))) => text,
            Ok(Some(Ok(Message::Ping(_)))) => continue,
            other => return Err(format!("{}, after {} messages: {other:?}", client.name, delays.len())),
        };
        // A thousand that take the whole JSON apart would have no processor left for the room.
        let numbers = text.split_once(r#""text":""#).and_then(|(_, text)| {
            let mut words = text.split(' ').map_while(|word| word.parse::<u64>().ok());
            words.next().zip(words.next())
        });
        match numbers {
            Some((number, micros)) if number == delays.len() as u64 => {
                delays.push(begun.elapsed().saturating_sub(Duration::from_micros(micros)));
            }
            _ => return Err(format!("{}, after {} messages: {text}", client.name, delays.len())),
        }
    }
    Ok(delays)
}

/// Each connection is a file in both processes, and a shell often allows no more than 1,024.
fn raise_file_limit(files: u64) {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.current.map(|current| current.max(files + 200));
    setrlimit(Resource::Nofile, limit).expect("allowed");
}
