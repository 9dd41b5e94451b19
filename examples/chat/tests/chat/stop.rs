//! The end of the room.

use std::time::Duration;

use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::server::{SOON, Server, UNLIMITED};

#[tokio::test(flavor = "multi_thread")]
async fn everybody_is_told_and_the_exit_code_is_zero() {
    let server = Server::start(&[]);
    let mut clients = Vec::new();
    for number in 0..20 {
        clients.push(server.join(&format!("client {number}")).await);
    }
    clients[0].say("goodbye").await;
    for client in &mut clients {
        assert_eq!(client.hears().await.1, "goodbye");
    }
    let ends = clients.into_iter().map(|client| tokio::spawn(client.rest())).collect::<Vec<_>>();
    let ended = server.stop().await;
    for end in ends {
        let (heard, closed) = end.await.expect("no panic");
        assert_eq!((heard.len(), closed.map(|(code, _)| code)), (0, Some(CloseCode::Away)));
    }
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert!(ended.said.contains("1 messages sent, 20 members joined, 0 dropped"), "{}", ended.said);
    assert!(ended.said.contains("20 requests in flight finished"), "{}", ended.said);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_answer_the_goodbye_is_not_waited_for_long() {
    let server = Server::start(&UNLIMITED);
    let mut lazy = server.join_lazily("lazy").await;
    lazy.say("hello").await;
    let ended = server.stop().await;
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    // It has 2 s; the conductor would have taken 10.
    assert!(ended.took < Duration::from_secs(6), "{:?}", ended.took);
    let (_, closed) = tokio::time::timeout(SOON, lazy.rest()).await.expect("closed");
    assert_eq!(closed.map(|(code, _)| code), Some(CloseCode::Away));
}
