//! The cost of watching without asking: two tasks pass a message back and forth over channels,
//! plain and watched.
//!
//! ```console
//! $ cargo run --release -p upbeat-probe --example ping_pong
//! ```
//!
//! Both tasks run on one thread: every message is a wake and a poll, and nothing else takes time.
//! That is the worst case for the probe. A second thread would add far more than the probe costs,
//! and noise. Plain and watched rounds alternate, and each pair begins with the other kind, so that
//! a slow phase of the machine hits both.

use std::{
    error::Error,
    io::{self, Write as _},
    time::{Duration, Instant},
};

use tokio::{
    runtime::{Builder, Runtime},
    sync::mpsc::{Receiver, Sender, channel},
};
use upbeat_probe::watch;

const MESSAGES: u32 = 200_000;
const ROUNDS: usize = 101;

async fn plays(serves: bool, mut from: Receiver<u32>, to: Sender<u32>) {
    if serves && to.send(0).await.is_err() {
        return;
    }
    while let Some(count) = from.recv().await {
        if count == MESSAGES || to.send(count + 1).await.is_err() {
            return;
        }
    }
}

fn round(runtime: &Runtime, is_watched: bool) -> Result<Duration, Box<dyn Error>> {
    let ((to_server, from_client), (to_client, from_server)) = (channel(1), channel(1));
    let (server, client) = (plays(true, from_client, to_client), plays(false, from_server, to_server));
    runtime.block_on(async {
        let began = Instant::now();
        let tasks = if is_watched {
            let ((server, _server_probe), (client, _client_probe)) = (watch(server), watch(client));
            [tokio::spawn(server), tokio::spawn(client)]
        } else {
            [tokio::spawn(server), tokio::spawn(client)]
        };
        for task in tasks {
            task.await?;
        }
        Ok(began.elapsed())
    })
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = Builder::new_current_thread().build()?;
    // The first rounds warm up caches and the branch predictor.
    round(&runtime, false)?;
    round(&runtime, true)?;
    let nanos = |took: Duration| took.as_nanos() as f64 / f64::from(MESSAGES);
    let (mut plain, mut watched) = (Vec::new(), Vec::new());
    for i in 0..ROUNDS {
        for is_watched in [i % 2 == 0, i % 2 != 0] {
            let took = nanos(round(&runtime, is_watched)?);
            if is_watched { watched.push(took) } else { plain.push(took) }
        }
    }
    let paired = median(plain.iter().zip(&watched).map(|(plain, watched)| watched / plain).collect());
    let (plain, watched) = (median(plain), median(watched));
    writeln!(
        io::stdout(),
        "plain {plain:.1} ns, watched {watched:.1} ns per message: ratio of medians {:.3}, median of ratios {paired:.3}",
        watched / plain,
    )?;
    Ok(())
}
