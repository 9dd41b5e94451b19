//! What a client may send, and what becomes of it if it sends something else.

use tokio::{io::AsyncReadExt as _, time::timeout};
use tokio_tungstenite::tungstenite::{Message, protocol::frame::coding::CloseCode};

use upbeat_chat::Event;

use crate::server::{SOON, Server, UNLIMITED};

const TOO_FAST: &str = "too fast: at most 1 messages a minute";

/// A message of exactly this size.
fn sized(bytes: usize) -> Message {
    let frame = r#"{"text":""}"#;
    Message::text(frame.replace(":\"", &format!(":\"{}", "x".repeat(bytes - frame.len()))))
}

#[tokio::test]
async fn a_message_that_is_too_large_ends_the_connection_and_says_so() {
    let server = Server::start(&UNLIMITED);
    let mut listener = server.join("listener").await;
    let mut fits = server.join("fits").await;
    fits.send(sized(4096)).await;
    assert_eq!(listener.hears().await.1.len(), 4096 - r#"{"text":""}"#.len());
    for (name, large) in [
        ("a byte too many", sized(4097)),
        ("binary", Message::binary(vec![0; 5000])),
        ("as much as is read", sized(64 * 1024)),
        ("far too many", sized(300 * 1024)),
    ] {
        let mut client = server.join(name).await;
        client.send(large).await;
        let (heard, closed) = client.rest().await;
        assert_eq!(closed, Some((CloseCode::Size, "the message was too large".to_owned())), "{name}");
        assert_eq!(heard, [""; 0], "{name}");
    }
    fits.say("still here").await;
    assert_eq!(listener.hears().await.1, "still here");
}

#[tokio::test]
async fn what_cannot_be_understood_is_refused_and_goes_to_nobody() {
    let server = Server::start(&UNLIMITED);
    let (mut ada, mut bob) = (server.join("Ada").await, server.join("Bob").await);
    for (message, problem) in [
        (Message::text("hello"), "not understood"),
        (Message::text("{}"), "missing field `text`"),
        (Message::text(r#"{"text": 5}"#), "invalid type"),
        (Message::text(r#"{"text": " \n"}"#), "there is no text in it"),
        (Message::binary(&br#"{"text": "hello"}"#[..]), "not a binary one"),
    ] {
        ada.send(message).await;
        let refused = ada.is_refused().await;
        assert!(refused.contains(problem), "{refused}");
    }
    ada.say("now").await;
    assert_eq!(ada.hears().await.1, "now");
    assert_eq!(bob.hears().await.1, "now");
}

#[tokio::test]
async fn who_sends_too_fast_is_told_and_who_goes_on_is_disconnected() {
    let server = Server::start(&["--rate", "1", "--burst", "3"]);
    let (mut fast, mut bob) = (server.join("fast").await, server.join("Bob").await);
    for number in 0..4 {
        fast.say(&number.to_string()).await;
    }
    let (mut heard, mut refused) = (Vec::new(), Vec::new());
    for _ in 0..4 {
        // An answer may overtake what is still in the buffer.
        match fast.event().await {
            Event::Message { text, .. } => heard.push(text),
            Event::Refused { problem } => refused.push(problem),
            other @ Event::Welcome { .. } => panic!("{other:?}"),
        }
    }
    assert_eq!((heard, refused), (vec!["0".into(), "1".into(), "2".into()], vec![TOO_FAST.to_owned()]));
    for number in 0..3 {
        assert_eq!(bob.hears().await.1, number.to_string());
    }
    // The room has long gone when the last of these are on their way.
    for _ in 0..200 {
        let flood = Message::text(r#"{"text":"more"}"#);
        if timeout(SOON, futures_util::SinkExt::send(&mut fast.socket, flood)).await.expect("in time").is_err() {
            break;
        }
    }
    let (_, closed) = fast.rest().await;
    assert_eq!(closed, Some((CloseCode::Policy, "too many of your messages were refused".to_owned())));
    bob.say("quiet again").await;
    assert_eq!(bob.hears().await, ("Bob".to_owned(), "quiet again".to_owned()), "nothing of the flood has reached him");
}

#[tokio::test]
async fn a_client_that_answers_no_pings_is_taken_for_gone() {
    let server = Server::start(&["--ping", "1"]);
    let mut silent = server.join("silent").await;
    let mut sent = Vec::new();
    // Below the library, which would answer.
    timeout(SOON, silent.socket.get_mut().read_to_end(&mut sent)).await.expect("in time").expect("closed");
    assert_eq!(sent, [0x89, 0], "a ping and nothing else");
}

#[tokio::test]
async fn a_client_that_answers_pings_stays() {
    let server = Server::start(&["--ping", "1"]);
    let (mut ada, mut bob) = (server.join("Ada").await, server.join("Bob").await);
    let mut pings = 0;
    while pings < 4 {
        let frame = futures_util::StreamExt::next(&mut ada.socket);
        match timeout(SOON, frame).await.expect("in time") {
            Some(Ok(Message::Ping(_))) => pings += 1,
            other => panic!("{other:?}"),
        }
    }
    // Bob has read nothing meanwhile, and so has not answered.
    assert_eq!(server.join("Bob").await.name, "Bob");
    bob.socket.get_mut().read_to_end(&mut Vec::new()).await.expect("closed");
    ada.say("still here").await;
    assert_eq!(ada.hears().await.1, "still here");
}
