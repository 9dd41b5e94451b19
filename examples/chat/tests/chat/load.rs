//! A room with many clients.

use std::{
    io::{self, Write as _},
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, future::join_all};
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::{sync::Semaphore, time::timeout};
use tokio_tungstenite::tungstenite::Message;

use crate::server::{Client, Server, TIMEOUT, UNLIMITED};

struct Load {
    clients: usize,
    /// The number of these that do not read.
    stalled: usize,
    /// The messages per second. Each goes to every client.
    rate: u32,
    messages: usize,
    bytes: usize,
}

/// 200 clients, of which a tenth does not read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_lose_no_message_and_stalled_clients_are_dropped() {
    Load { clients: 200, stalled: 20, rate: 20, messages: 40, bytes: 4000 }.run().await;
}

/// 1000 clients and 10 messages a second for 10 s, which are 10,000 deliveries a second.
/// `UPBEAT_CHAT_RATE` sets another number of messages a second.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes 10 s and two processors; `cargo xtask ladder` runs it"]
async fn a_thousand_readers_lose_no_message() {
    let rate = std::env::var("UPBEAT_CHAT_RATE").map_or(10, |rate| rate.parse().expect("a number"));
    Load { clients: 1000, stalled: 100, rate, messages: 10 * rate as usize, bytes: 4000 }.run().await;
}

impl Load {
    async fn run(self) {
        let Self { clients, stalled, rate, messages, bytes } = self;
        raise_file_limit(2 * clients as u64);
        let server = Arc::new(Server::start(&UNLIMITED));
        let permits = Arc::new(Semaphore::new(32));
        let joining = (0..clients).map(|number| {
            let (server, permits) = (server.clone(), permits.clone());
            tokio::spawn(async move {
                let _permit = permits.acquire().await.expect("open");
                let name = format!("client {number}");
                if number < stalled { server.join_with_small_buffer(&name).await } else { server.join(&name).await }
            })
        });
        let mut readers: Vec<_> = join_all(joining).await.into_iter().map(|client| client.expect("no panic")).collect();
        let lazy: Vec<_> = readers.drain(..stalled).collect();
        let mut speaker = server.join("speaker").await;

        let began = Instant::now();
        let reading: Vec<_> = readers.into_iter().map(|client| tokio::spawn(read(client, messages, began))).collect();
        let filling = "x".repeat(bytes);
        let mut clock = tokio::time::interval(Duration::from_secs(1) / rate);
        for number in 0..messages {
            clock.tick().await;
            speaker.say(&format!("{number} {} {filling}", began.elapsed().as_micros())).await;
            while !matches!(speaker.message().await, (_, text) if text.starts_with(&format!("{number} "))) {}
        }
        let (mut delays, mut failures) = (Vec::new(), Vec::new());
        for reader in reading {
            match reader.await.expect("no panic") {
                Ok(each) => delays.extend(each),
                Err(failure) => failures.push(failure),
            }
        }
        assert!(failures.is_empty(), "{} readers failed, the first: {}", failures.len(), failures[0]);
        delays.sort_unstable();
        let at = |percent: usize| delays[(delays.len() - 1) * percent / 100];
        let figures = format!(
            "{} readers got all {messages} messages of {bytes} bytes, {rate} a second, in {:.1} s; a delivery took {:?} (median), \
             {:?} (99 of 100), {:?} (longest)\n",
            clients - stalled,
            began.elapsed().as_secs_f64(),
            at(50),
            at(99),
            at(100),
        );
        io::stderr().write_all(figures.as_bytes()).expect("written");
        drop(lazy);
        let server = Arc::into_inner(server).expect("the last reference");
        let ended = server.stop().await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let counts =
            format!("{messages} messages sent, {} receivers subscribed, {stalled} dropped as too slow", clients + 1);
        assert!(ended.stderr.contains(&counts), "{}", ended.stderr);
    }
}

/// Reads `messages` messages, checks that none is missing, and returns the delay of each.
async fn read(mut client: Client, messages: usize, began: Instant) -> Result<Vec<Duration>, String> {
    let mut delays = Vec::with_capacity(messages);
    while delays.len() < messages {
        let text = match timeout(TIMEOUT, client.socket.next()).await {
            Ok(Some(Ok(Message::Text(text)))) => text,
            Ok(Some(Ok(Message::Ping(_)))) => continue,
            other => return Err(format!("{}, after {} messages: {other:?}", client.name, delays.len())),
        };
        // A thousand JSON parsers would leave no processor time for the room.
        let numbers = text.split_once(r#""text":""#).and_then(|(_, text)| {
            let mut words = text.split(' ').map_while(|word| word.parse::<u64>().ok());
            words.next().zip(words.next())
        });
        match numbers {
            Some((number, micros)) if number == delays.len() as u64 => {
                delays.push(began.elapsed().saturating_sub(Duration::from_micros(micros)));
            }
            _ => return Err(format!("{}, after {} messages: {text}", client.name, delays.len())),
        }
    }
    Ok(delays)
}

/// Raises the limit of open files for the connections. The limit of a shell is often 1,024.
fn raise_file_limit(files: u64) {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.current.map(|current| current.max(files + 200));
    setrlimit(Resource::Nofile, limit).expect("allowed");
}
