//! The connection of a client, from the welcome to the close frame.

use std::{convert::Infallible, time::Duration};

use axum::extract::ws::{Message, WebSocket};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use upbeat::Context;
use upbeat_chat::{Event, MAX_MESSAGE, Say};

use crate::{
    ending::Ending,
    limits::Allowance,
    room::{Room, Seat, frame},
};

/// The timeout of the close handshake.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// A client that is in the room.
pub(crate) struct Conversation {
    room: Room,
    seat: Seat,
    allowance: Allowance,
    /// The time without a frame until the client is pinged, and again until it is disconnected.
    ping: Duration,
    last_frame: Instant,
    pinged: bool,
}

impl Conversation {
    pub(crate) fn new(room: Room, seat: Seat, allowance: Allowance, ping: Duration) -> Self {
        Self { room, seat, allowance, ping, last_frame: Instant::now(), pinged: false }
    }

    /// Serves the client until either side ends the connection, and closes it.
    ///
    /// During a stop the server itself sends a close frame (code 1001). The connection then ends
    /// with the client's close frame, or after a short timeout if the client does not read.
    pub(crate) async fn serve(self, mut socket: WebSocket, welcome: Event, cx: Context) {
        let name = self.seat.name.to_string();
        tracing::debug!(name, "joined");
        let ending = tokio::select! {
            Err(ending) = self.talk(&mut socket, welcome) => ending,
            () = async { cx.stopping().await; sleep(CLOSE_TIMEOUT).await } => Ending::Gone,
        };
        tracing::debug!(name, ?ending, "left");
        close(socket, ending).await;
    }

    async fn talk(mut self, socket: &mut WebSocket, welcome: Event) -> Result<Infallible, Ending> {
        let mut next = Message::Text(frame(&welcome));
        loop {
            // While a client does not read, its messages are not read either. If it is dropped
            // for that, it gets a close frame with the reason.
            tokio::select! {
                sent = socket.send(next) => sent.map_err(|_| Ending::Gone)?,
                closed = self.seat.receiver.closed() => return Err(closed.into()),
            }
            next = self.next(socket).await?;
        }
    }

    /// Waits for the next frame to send: a message of the room, an answer, or a ping.
    async fn next(&mut self, socket: &mut WebSocket) -> Result<Message, Ending> {
        loop {
            tokio::select! {
                message = self.seat.receiver.recv() => return Ok(Message::Text((*message?).clone())),
                incoming = socket.recv() => {
                    (self.last_frame, self.pinged) = (Instant::now(), false);
                    if let Some(answer) = self.receive(incoming.ok_or(Ending::Gone)??)? {
                        return Ok(Message::Text(frame(&answer)));
                    }
                }
                () = sleep_until(self.last_frame + self.ping * (1 + u32::from(self.pinged))) => {
                    if std::mem::replace(&mut self.pinged, true) {
                        return Err(Ending::Unresponsive);
                    }
                    return Ok(Message::Ping(Vec::new().into()));
                }
            }
        }
    }

    /// Passes a message on to the room, or returns an answer that rejects it.
    fn receive(&self, message: Message) -> Result<Option<Event>, Ending> {
        let text = match message {
            Message::Text(text) if text.len() > MAX_MESSAGE => return Err(Ending::TooLarge),
            Message::Binary(bytes) if bytes.len() > MAX_MESSAGE => return Err(Ending::TooLarge),
            Message::Text(text) => Ok(text),
            Message::Binary(_) => Err("send JSON in a text frame, not a binary one".to_owned()),
            // The library answers these itself.
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => return Ok(None),
        };
        // Rejected messages count, too.
        match self.allowance.message().and(text).and_then(|text| parse(&text)) {
            Ok(text) => {
                self.room.say(&self.seat.name, text);
                Ok(None)
            }
            Err(problem) if self.allowance.rejection() => Ok(Some(Event::Rejected { problem })),
            Err(_) => Err(Ending::Abusive),
        }
    }
}

fn parse(text: &str) -> Result<String, String> {
    let Say { text } = serde_json::from_str(text)
        .map_err(|error| format!("invalid message ({error}); send an object such as {{\"text\": \"hello\"}}"))?;
    if text.trim().is_empty() { Err("the text is empty".to_owned()) } else { Ok(text) }
}

/// Sends the close frame of an ending that has one, and waits for the client to close its side.
pub(crate) async fn close(mut socket: WebSocket, ending: Ending) {
    let Some(frame) = ending.frame() else { return };
    let handshake = async {
        if socket.send(Message::Close(Some(frame))).await.is_ok() {
            // A socket that is closed with unread bytes is reset, which discards the frame.
            while let Some(Ok(_)) = socket.recv().await {}
        }
    };
    // A client that still does not read only gets the end of the connection.
    let _ = timeout(CLOSE_TIMEOUT, handshake).await;
}
