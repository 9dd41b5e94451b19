//! Tests of the stop.

use std::time::Duration;

use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::server::{Server, TIMEOUT, UNLIMITED};

#[tokio::test(flavor = "multi_thread")]
async fn all_clients_get_a_close_frame_and_the_exit_code_is_zero() {
    let server = Server::start(&[]);
    let mut clients = Vec::new();
    for number in 0..20 {
        clients.push(server.join(&format!("client {number}")).await);
    }
    clients[0].say("goodbye").await;
    for client in &mut clients {
        assert_eq!(client.message().await.1, "goodbye");
    }
    let ends = clients.into_iter().map(|client| tokio::spawn(client.rest())).collect::<Vec<_>>();
    let ended = server.stop().await;
    for end in ends {
        let (received, closed) = end.await.expect("no panic");
        assert_eq!((received.len(), closed.map(|(code, _)| code)), (0, Some(CloseCode::Away)));
    }
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("1 messages sent, 20 receivers subscribed, 0 dropped"), "{}", ended.stderr);
    assert!(ended.stderr.contains("20 requests in flight finished"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_does_not_wait_long_for_a_client_that_does_not_read() {
    let server = Server::start(&UNLIMITED);
    let mut stalled = server.join_with_small_buffer("stalled").await;
    stalled.say("hello").await;
    let ended = server.stop().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    // The close handshake times out after 2 s, long before the stop timeout of 10 s.
    assert!(ended.took < Duration::from_secs(6), "{:?}", ended.took);
    let (_, closed) = tokio::time::timeout(TIMEOUT, stalled.rest()).await.expect("closed");
    assert_eq!(closed.map(|(code, _)| code), Some(CloseCode::Away));
}
