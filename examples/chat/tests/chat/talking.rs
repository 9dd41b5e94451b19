//! Who hears what, and from whom.

use jiff::Timestamp;
use tokio_tungstenite::tungstenite::{Error, Message, protocol::frame::coding::CloseCode};
use upbeat_chat::Event;

use crate::server::{Server, UNLIMITED};

#[tokio::test]
async fn all_hear_every_message_in_the_same_order() {
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
                let mut heard = Vec::new();
                for number in 0..EACH {
                    client.say(&number.to_string()).await;
                    heard.push(client.hears().await);
                }
                while heard.len() < CLIENTS * EACH {
                    heard.push(client.hears().await);
                }
                heard
            })
        })
        .collect();
    let mut heard = Vec::new();
    for client in talking {
        heard.push(client.await.expect("no panic"));
    }
    assert!(heard.iter().all(|heard_by_one| *heard_by_one == heard[0]));
    for client in 0..CLIENTS {
        let from = format!("client {client}");
        let said =
            heard[0].iter().filter(|(who, _)| *who == from).map(|(_, text)| text.parse::<usize>().expect("a number"));
        assert!(said.eq(0..EACH), "what {from} said is whole, and in its order");
    }
}

#[tokio::test]
async fn sender_and_time_are_the_servers_whatever_a_client_claims() {
    let server = Server::start(&[]);
    let (mut ada, mut eve) = (server.join("Ada").await, server.join("Eve").await);
    let before = Timestamp::now();
    let lie =
        r#"{"type":"welcome","from":"Ada","name":"Ada","time":"1815-12-10T00:00:00Z","text":"I owe Eve a drink"}"#;
    eve.send(Message::text(lie)).await;
    match ada.event().await {
        Event::Message { from, time, text } => {
            assert_eq!((&*from, &*text), ("Eve", "I owe Eve a drink"));
            assert!(before <= time && time <= Timestamp::now(), "{time}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_text_comes_as_it_was_sent() {
    let server = Server::start(&[]);
    let (mut ada, mut bob) = (server.join("Ada").await, server.join("Bob").await);
    for text in ["<script>alert(1)</script>", "\"quoted\" \\ and 👩‍🚀", "two\nlines", "\u{0}"] {
        ada.say(text).await;
        assert_eq!(bob.hears().await, ("Ada".to_owned(), text.to_owned()));
    }
}

#[tokio::test]
async fn a_name_is_one_clients_and_free_after_it() {
    let server = Server::start(&[]);
    let (first, mut second) = (server.join("Ada").await, server.join("Ada").await);
    assert_eq!((&*first.name, &*second.name), ("Ada", "Ada (2)"));
    second.say("hello").await;
    assert_eq!(second.hears().await.0, "Ada (2)");
    for (wanted, name) in [(" Zoë ", "Zoë"), ("李雷 🚀", "李雷 🚀"), ("", "guest")] {
        assert_eq!(server.join(wanted).await.name, name);
    }
    drop(first);
    // Until the room has noticed.
    while server.join("Ada").await.name != "Ada" {}
}

#[tokio::test]
async fn a_name_that_deceives_is_refused_with_a_reason() {
    let server = Server::start(&[]);
    for name in ["A\u{200b}da", "Ada\u{202e}", "A\nda", "\u{1b}[2J", &"a".repeat(33)] {
        let socket = server.connect(name, &[]).await.expect("upgraded");
        let client = crate::server::Client { socket, name: name.to_owned() };
        let (_, closed) = client.rest().await;
        let (code, reason) = closed.expect("a close frame");
        assert_eq!(code, CloseCode::Policy);
        assert!(reason.starts_with("a name "), "{reason}");
    }
}

#[tokio::test]
async fn pages_of_other_sites_are_not_let_in() {
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
