//! The bounds of each phase of a connection, over real sockets.
//!
//! A phase has ended as soon as the server closes, so no test measures how long that takes.

mod descriptors;
mod heads;
mod keep_alive;
mod listening;
mod streams;
mod transfers;
mod upgraded;

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::common::{TEST_TIMEOUT, raw::Raw};

/// A bound that passes soon.
const SHORT: Duration = Duration::from_millis(300);

/// Polls until the condition holds.
async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let since = Instant::now();
    while !condition().await {
        assert!(since.elapsed() < TEST_TIMEOUT, "{what}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Sends the bytes again and again until the server closes.
async fn drip(client: &mut Raw, bytes: &str) {
    use tokio::io::AsyncWriteExt as _;
    let since = Instant::now();
    while client.stream.write_all(bytes.as_bytes()).await.is_ok() {
        assert!(since.elapsed() < TEST_TIMEOUT, "the server still reads {bytes:?}");
        sleep(Duration::from_millis(20)).await;
    }
}
