//! One client's connection, from the welcome to the goodbye.

use std::{convert::Infallible, time::Duration};

use axum::extract::ws::{Message, WebSocket};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use upbeat::Context;
use upbeat_chat::{Event, Say};

use crate::{
    ending::Ending,
    limits::Allowance,
    room::{Room, Seat, frame},
};

/// How many bytes a message may have, as it is sent.
pub(crate) const LARGEST: usize = 4 * 1024;

/// How long a client may take to answer a close frame.
const GOODBYE: Duration = Duration::from_secs(2);

/// A client that is in the room.
pub(crate) struct Conversation {
    room: Room,
    seat: Seat,
    allowance: Allowance,
    /// How long it may be silent before it is pinged, and as long again before it is taken for gone.
    ping: Duration,
    heard: Instant,
    pinged: bool,
}

impl Conversation {
    pub(crate) fn new(room: Room, seat: Seat, allowance: Allowance, ping: Duration) -> Self {
        Self { room, seat, allowance, ping, heard: Instant::now(), pinged: false }
    }

    /// Talks with the client until one of both has enough, and takes leave of it.
    ///
    /// A stop of the server tells the client by itself, with a close frame (1001). What is left to do is to wait for its answer, and not for
    /// long: one that has stopped reading loses nothing by it.
    pub(crate) async fn hold(self, mut socket: WebSocket, welcome: Event, cx: Context) {
        let name = self.seat.name.to_string();
        tracing::debug!(name, "joined");
        let ending = tokio::select! {
            Err(ending) = self.talk(&mut socket, welcome) => ending,
            () = async { cx.stopping().await; sleep(GOODBYE).await } => Ending::Gone,
        };
        tracing::debug!(name, ?ending, "left");
        close(socket, ending).await;
    }

    async fn talk(mut self, socket: &mut WebSocket, welcome: Event) -> Result<Infallible, Ending> {
        let mut next = Message::Text(frame(&welcome));
        loop {
            // While a client does not read it is not listened to either, but hears that it was dropped for it.
            tokio::select! {
                sent = socket.send(next) => sent.map_err(|_| Ending::Gone)?,
                left = self.seat.member.left() => return Err(left.into()),
            }
            next = self.next(socket).await?;
        }
    }

    /// What is to be sent next: news from the room, an answer, or a ping.
    async fn next(&mut self, socket: &mut WebSocket) -> Result<Message, Ending> {
        loop {
            tokio::select! {
                news = self.seat.member.recv() => return Ok(Message::Text((*news?).clone())),
                incoming = socket.recv() => {
                    (self.heard, self.pinged) = (Instant::now(), false);
                    if let Some(answer) = self.take(incoming.ok_or(Ending::Gone)??)? {
                        return Ok(Message::Text(frame(&answer)));
                    }
                }
                () = sleep_until(self.heard + self.ping * (1 + u32::from(self.pinged))) => {
                    if std::mem::replace(&mut self.pinged, true) {
                        return Err(Ending::Silent);
                    }
                    return Ok(Message::Ping(Vec::new().into()));
                }
            }
        }
    }

    /// What a client sent: it goes to all, or is refused with an answer.
    fn take(&self, message: Message) -> Result<Option<Event>, Ending> {
        let text = match message {
            Message::Text(text) if text.len() > LARGEST => return Err(Ending::TooLarge),
            Message::Binary(bytes) if bytes.len() > LARGEST => return Err(Ending::TooLarge),
            Message::Text(text) => Ok(text),
            Message::Binary(_) => Err("send JSON in a text frame, not a binary one".to_owned()),
            // The library answers these by itself.
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => return Ok(None),
        };
        // What is refused counts, too.
        match self.allowance.message().and(text).and_then(|text| understand(&text)) {
            Ok(text) => {
                self.room.say(&self.seat.name, text);
                Ok(None)
            }
            Err(problem) if self.allowance.refusal() => Ok(Some(Event::Refused { problem })),
            Err(_) => Err(Ending::Abusive),
        }
    }
}

fn understand(text: &str) -> Result<String, String> {
    let Say { text } = serde_json::from_str(text)
        .map_err(|error| format!("not understood ({error}); send an object such as {{\"text\": \"hello\"}}"))?;
    if text.trim().is_empty() { Err("there is no text in it".to_owned()) } else { Ok(text) }
}

/// Says goodbye by a close frame, if there may be anybody to read it, and waits a while for the answer.
pub(crate) async fn close(mut socket: WebSocket, ending: Ending) {
    let Some(frame) = ending.frame() else { return };
    let goodbye = async {
        if socket.send(Message::Close(Some(frame))).await.is_ok() {
            // To close a socket in which something is unread would destroy the frame on its way.
            while let Some(Ok(_)) = socket.recv().await {}
        }
    };
    // In vain with a client that still does not read: it learns by the end of its connection.
    let _ = timeout(GOODBYE, goodbye).await;
}
