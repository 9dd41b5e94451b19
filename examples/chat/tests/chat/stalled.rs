//! A client that stops reading, among others that do not.

use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::server::{SOON, Server, UNLIMITED};

/// Far more than two kernels and the room keep for one client, together.
const MESSAGES: usize = 100;

/// A large message, with its number.
fn large(number: usize) -> String {
    format!("{number} {}", "x".repeat(4000))
}

#[tokio::test]
async fn who_does_not_read_is_dropped_and_the_others_lose_nothing() {
    let mut server = Server::start(&UNLIMITED);
    let lazy = server.join_lazily("lazy").await;
    let mut readers = Vec::new();
    for name in ["Ada", "Bob", "Cem"] {
        readers.push(server.join(name).await);
    }
    for number in 0..MESSAGES {
        readers[0].say(&large(number)).await;
        // The next is not said before all have read this one: they are never behind, so any gap would be the room's fault.
        for reader in &mut readers {
            assert_eq!(reader.hears().await, ("Ada".to_owned(), large(number)));
        }
    }
    let line = server.program.until("clients that do not read were dropped");
    assert!(line.contains("dropped=1 reached=3"), "{line}");
    // It still does not read, and all the same is gone from the room: its name is free.
    let free = async { while server.join("lazy").await.name != "lazy" {} };
    timeout(SOON, free).await.expect("nothing waits for it to read");
    // It begins to read again: what it finds has no gap, and then the reason why it ends, if the goodbye was still waiting for it.
    let (heard, closed) = lazy.rest().await;
    assert!(heard.len() < MESSAGES / 2, "{} were kept for it", heard.len());
    assert!(heard.iter().enumerate().all(|(number, text)| *text == large(number)), "without a gap");
    if let Some(closed) = closed {
        assert_eq!(closed, (CloseCode::Again, "you did not read fast enough".to_owned()));
    }
    let ended = server.stop().await;
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert!(ended.said.contains("100 messages sent, "), "{}", ended.said);
    assert!(ended.said.contains(" members joined, 1 dropped as too slow"), "{}", ended.said);
}

#[tokio::test]
async fn who_reads_again_at_once_learns_why_it_was_dropped() {
    let mut server = Server::start(&[&UNLIMITED[..], &["--buffer", "1"]].concat());
    let lazy = server.join_lazily("lazy").await;
    let mut ada = server.join("Ada").await;
    let mut said = 0;
    let dropped = tokio::task::spawn_blocking(move || {
        server.program.until("clients that do not read were dropped");
        server
    });
    while !dropped.is_finished() {
        ada.say(&large(said)).await;
        ada.hears().await;
        said += 1;
    }
    let (heard, closed) = lazy.rest().await;
    assert_eq!(closed, Some((CloseCode::Again, "you did not read fast enough".to_owned())));
    assert!(heard.len() < said && heard.iter().enumerate().all(|(number, text)| *text == large(number)));
    drop(dropped.await.expect("no panic"));
}
