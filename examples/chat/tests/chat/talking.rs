//! Tests of messages and names.

use jiff::Timestamp;
use tokio_tungstenite::tungstenite::{Error, Message, protocol::frame::coding::CloseCode};
use upbeat_chat::Event;

use crate::server::{Server, UNLIMITED};

#[tokio::test]
async fn all_clients_receive_all_messages_in_the_same_order() {
    const CLIENTS: usize = 5;
    const EACH: usize = 20;
    let server = Server::start(&[&UNLIMITED[..], &["--buffer", "1000"]].concat());
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        clients.push(server.join(&format!("client {number}")).await);
    }
    let talking: Vec<_> = clients
        .into_iter()
        .map(|mut client| {
            tokio::spawn(async move {
                let mut received = Vec::new();
                for number in 0..EACH {
                    client.say(&number.to_string()).await;
                    received.push(client.message().await);
                }
                while received.len() < CLIENTS * EACH {
                    received.push(client.message().await);
                }
                received
            })
        })
        .collect();
    let mut received = Vec::new();
    for client in talking {
        received.push(client.await.expect("no panic"));
    }
    assert!(received.iter().all(|messages| *messages == received[0]));
    for client in 0..CLIENTS {
        let from = format!("client {client}");
        let messages = received[0].iter().filter(|(sender, _)| *sender == from);
        let numbers = messages.map(|(_, text)| text.parse::<usize>().expect("a number"));
        assert!(numbers.eq(0..EACH), "the messages of {from} are complete and in order");
    }
}

#[tokio::test]
async fn a_client_cannot_set_sender_and_time() {
    let server = Server::start(&[]);
    let (mut ada, mut eve) = (server.join("Ada").await, server.join("Eve").await);
    let before = Timestamp::now();
    let forged =
        r#"{"type":"welcome","from":"Ada","name":"Ada","time":"1815-12-10T00:00:00Z","text":"I owe Eve a drink"}"#;
    eve.send(Message::text(forged)).await;
    match ada.event().await {
        Event::Message { from, time, text } => {
            assert_eq!((&*from, &*text), ("Eve", "I owe Eve a drink"));
            assert!(before <= time && time <= Timestamp::now(), "{time}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_text_is_received_unchanged() {
    let server = Server::start(&[]);
    let (mut ada, mut bob) = (server.join("Ada").await, server.join("Bob").await);
    for text in ["<script>alert(1)</script>", "\"quoted\" \\ and 👩‍🚀", "two\nlines", "\u{0}"] {
        ada.say(text).await;
        assert_eq!(bob.message().await, ("Ada".to_owned(), text.to_owned()));
    }
}

#[tokio::test]
async fn a_name_is_unique_and_released_when_its_client_leaves() {
    let server = Server::start(&[]);
    let (first, mut second) = (server.join("Ada").await, server.join("Ada").await);
    assert_eq!((&*first.name, &*second.name), ("Ada", "Ada (2)"));
    second.say("hello").await;
    assert_eq!(second.message().await.0, "Ada (2)");
    for (wanted, name) in [(" Zoë ", "Zoë"), ("李雷 🚀", "李雷 🚀"), ("", "guest")] {
        assert_eq!(server.join(wanted).await.name, name);
    }
    drop(first);
    // The room may need a moment to notice.
    while server.join("Ada").await.name != "Ada" {}
}

#[tokio::test]
async fn a_deceptive_name_is_rejected_with_a_reason() {
    let server = Server::start(&[]);
    for name in ["A\u{200b}da", "Ada\u{202e}", "A\nda", "\u{1b}[2J", &"a".repeat(33)] {
        let socket = server.connect(name, &[]).await.expect("upgraded");
        let client = crate::server::Client { socket, name: name.to_owned() };
        let (_, closed) = client.rest().await;
        let (code, reason) = closed.expect("a close frame");
        assert_eq!(code, CloseCode::Policy);
        assert!(reason.starts_with("name "), "{reason}");
    }
}

#[tokio::test]
async fn cross_origin_requests_are_forbidden() {
    let server = Server::start(&[]);
    let own = format!("http://{}", server.address);
    assert!(server.connect("Ada", &[("origin", &own)]).await.is_ok());
    for origin in ["https://example.com", "null", "http://127.0.0.1:1"] {
        match server.connect("Eve", &[("origin", origin)]).await {
            Err(Error::Http(answer)) => assert_eq!(answer.status(), 403),
            other => panic!("{other:?}"),
        }
    }
}
