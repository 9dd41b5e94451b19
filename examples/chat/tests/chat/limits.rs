//! Tests of invalid messages and of limits.

use tokio::{io::AsyncReadExt as _, time::timeout};
use tokio_tungstenite::tungstenite::{Message, protocol::frame::coding::CloseCode};

use upbeat_chat::Event;

use crate::server::{Server, TIMEOUT, UNLIMITED};

const TOO_FAST: &str = "too fast: at most 1 messages a minute";

/// Returns a message of exactly this size.
fn sized(bytes: usize) -> Message {
    let frame = r#"{"text":""}"#;
    Message::text(frame.replace(":\"", &format!(":\"{}", "x".repeat(bytes - frame.len()))))
}

#[tokio::test]
async fn a_message_that_is_too_large_ends_the_connection_with_a_reason() {
    let server = Server::start(&UNLIMITED);
    let mut listener = server.join("listener").await;
    let mut fits = server.join("fits").await;
    fits.send(sized(4096)).await;
    assert_eq!(listener.message().await.1.len(), 4096 - r#"{"text":""}"#.len());
    for (name, large) in [
        ("a byte too many", sized(4097)),
        ("binary", Message::binary(vec![0; 5000])),
        ("the size limit of reads", sized(64 * 1024)),
        ("far too many", sized(300 * 1024)),
    ] {
        let mut client = server.join(name).await;
        client.send(large).await;
        let (received, closed) = client.rest().await;
        assert_eq!(closed, Some((CloseCode::Size, "message too large".to_owned())), "{name}");
        assert_eq!(received, [""; 0], "{name}");
    }
    fits.say("still here").await;
    assert_eq!(listener.message().await.1, "still here");
}

#[tokio::test]
async fn an_invalid_message_is_rejected_and_not_sent_to_others() {
    let server = Server::start(&UNLIMITED);
    let (mut ada, mut bob) = (server.join("Ada").await, server.join("Bob").await);
    for (message, problem) in [
        (Message::text("hello"), "invalid message"),
        (Message::text("{}"), "missing field `text`"),
        (Message::text(r#"{"text": 5}"#), "invalid type"),
        (Message::text(r#"{"text": " \n"}"#), "the text is empty"),
        (Message::binary(&br#"{"text": "hello"}"#[..]), "not a binary one"),
    ] {
        ada.send(message).await;
        let rejected = ada.rejected().await;
        assert!(rejected.contains(problem), "{rejected}");
    }
    ada.say("now").await;
    assert_eq!(ada.message().await.1, "now");
    assert_eq!(bob.message().await.1, "now");
}

#[tokio::test]
async fn a_client_that_sends_too_fast_is_rejected_and_then_disconnected() {
    let server = Server::start(&["--rate", "1", "--burst", "3"]);
    let (mut fast, mut bob) = (server.join("fast").await, server.join("Bob").await);
    for number in 0..4 {
        fast.say(&number.to_string()).await;
    }
    let (mut received, mut rejected) = (Vec::new(), Vec::new());
    for _ in 0..4 {
        // A rejection may overtake messages in the buffer.
        match fast.event().await {
            Event::Message { text, .. } => received.push(text),
            Event::Rejected { problem } => rejected.push(problem),
            other @ Event::Welcome { .. } => panic!("{other:?}"),
        }
    }
    assert_eq!((received, rejected), (vec!["0".into(), "1".into(), "2".into()], vec![TOO_FAST.to_owned()]));
    for number in 0..3 {
        assert_eq!(bob.message().await.1, number.to_string());
    }
    // The room disconnects the client before the last of these are sent.
    for _ in 0..200 {
        let flood = Message::text(r#"{"text":"more"}"#);
        if timeout(TIMEOUT, futures_util::SinkExt::send(&mut fast.socket, flood)).await.expect("in time").is_err() {
            break;
        }
    }
    let (_, closed) = fast.rest().await;
    assert_eq!(closed, Some((CloseCode::Policy, "too many messages rejected".to_owned())));
    bob.say("quiet again").await;
    assert_eq!(
        bob.message().await,
        ("Bob".to_owned(), "quiet again".to_owned()),
        "no message of the flood is sent to others"
    );
}

#[tokio::test]
async fn a_client_that_does_not_answer_pings_is_disconnected() {
    let server = Server::start(&["--ping", "1"]);
    let mut silent = server.join("silent").await;
    let mut sent = Vec::new();
    // The test reads below the library, which would answer.
    timeout(TIMEOUT, silent.socket.get_mut().read_to_end(&mut sent)).await.expect("in time").expect("closed");
    assert_eq!(sent, [0x89, 0], "a ping and nothing else");
}

#[tokio::test]
async fn a_client_that_answers_pings_stays_connected() {
    let server = Server::start(&["--ping", "1"]);
    let (mut ada, mut bob) = (server.join("Ada").await, server.join("Bob").await);
    let mut pings = 0;
    while pings < 4 {
        let frame = futures_util::StreamExt::next(&mut ada.socket);
        match timeout(TIMEOUT, frame).await.expect("in time") {
            Some(Ok(Message::Ping(_))) => pings += 1,
            other => panic!("{other:?}"),
        }
    }
    // Bob has not read meanwhile, so he has not answered.
    assert_eq!(server.join("Bob").await.name, "Bob");
    bob.socket.get_mut().read_to_end(&mut Vec::new()).await.expect("closed");
    ada.say("still here").await;
    assert_eq!(ada.message().await.1, "still here");
}
