//! Tests of a client that does not read.

use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::server::{Server, TIMEOUT, UNLIMITED};

/// Far more messages than the kernels and the room buffer for one client.
const MESSAGES: usize = 100;

/// Returns a large message with its number.
fn large(number: usize) -> String {
    format!("{number} {}", "x".repeat(4000))
}

#[tokio::test]
async fn a_client_that_does_not_read_is_dropped_and_others_lose_no_message() {
    let mut server = Server::start(&UNLIMITED);
    let stalled = server.join_with_small_buffer("stalled").await;
    let mut readers = Vec::new();
    for name in ["Ada", "Bob", "Cem"] {
        readers.push(server.join(name).await);
    }
    for number in 0..MESSAGES {
        readers[0].say(&large(number)).await;
        // The next message is sent after all have read this one. The readers are never behind, so
        // a gap would be a fault of the room.
        for reader in &mut readers {
            assert_eq!(reader.message().await, ("Ada".to_owned(), large(number)));
        }
    }
    let line = server.program.until("slow clients dropped");
    assert!(line.contains("dropped=1 reached=3"), "{line}");
    // The client still does not read, but has left the room: its name is free.
    let free = async { while server.join("stalled").await.name != "stalled" {} };
    timeout(TIMEOUT, free).await.expect("the name is released");
    // The client reads again. It gets messages without a gap. It also gets the reason, unless the
    // close handshake has timed out.
    let (received, closed) = stalled.rest().await;
    assert!(received.len() < MESSAGES / 2, "{} messages were buffered", received.len());
    assert!(received.iter().enumerate().all(|(number, text)| *text == large(number)), "there is a gap");
    if let Some(closed) = closed {
        assert_eq!(closed, (CloseCode::Again, "client too slow".to_owned()));
    }
    let ended = server.stop().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("100 messages sent, "), "{}", ended.stderr);
    assert!(ended.stderr.contains(" receivers subscribed, 1 dropped as too slow"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_dropped_client_that_reads_again_gets_the_reason() {
    let mut server = Server::start(&[&UNLIMITED[..], &["--buffer", "1"]].concat());
    let stalled = server.join_with_small_buffer("stalled").await;
    let mut ada = server.join("Ada").await;
    let mut sent = 0;
    let dropped = tokio::task::spawn_blocking(move || {
        server.program.until("slow clients dropped");
        server
    });
    while !dropped.is_finished() {
        ada.say(&large(sent)).await;
        ada.message().await;
        sent += 1;
    }
    let (received, closed) = stalled.rest().await;
    assert_eq!(closed, Some((CloseCode::Again, "client too slow".to_owned())));
    assert!(received.len() < sent && received.iter().enumerate().all(|(number, text)| *text == large(number)));
    drop(dropped.await.expect("no panic"));
}
