//! The room: its clients and their messages.

use axum::extract::ws::Utf8Bytes;
use jiff::Timestamp;
use upbeat_chat::Event;
use upbeat_work::{Hub, hub::Receiver};

use crate::{
    ending::Ending,
    names::{Name, Names},
};

/// A room. A cheap clone.
#[derive(Clone)]
pub(crate) struct Room {
    hub: Hub<Utf8Bytes>,
    names: Names,
}

/// A client's membership of the room, which ends on drop.
pub(crate) struct Seat {
    pub(crate) receiver: Receiver<Utf8Bytes>,
    pub(crate) name: Name,
}

impl Room {
    /// Returns a room that buffers up to `messages` messages for each client.
    pub(crate) fn with_capacity(messages: usize) -> Self {
        Self { hub: Hub::with_capacity(messages), names: Names::default() }
    }

    /// Returns the player of the room.
    pub(crate) fn player(&self) -> Hub<Utf8Bytes> {
        self.hub.clone()
    }

    /// Adds a client, and returns its membership and its first event.
    pub(crate) fn enter(&self, requested: &str) -> Result<(Seat, Event), Ending> {
        let name = self.names.take(requested)?;
        let receiver = self.hub.subscribe()?;
        let welcome = Event::Welcome { name: name.to_string(), members: self.hub.counts().receivers };
        Ok((Seat { receiver, name }, welcome))
    }

    /// Sends a message to all clients. The server sets its sender and time.
    pub(crate) fn say(&self, from: &Name, text: String) {
        let message = Event::Message { from: from.to_string(), time: Timestamp::now(), text };
        // A closed room has notified all clients already, including this one.
        if let Ok(sent) = self.hub.send(frame(&message))
            && sent.dropped > 0
        {
            tracing::info!(dropped = sent.dropped, reached = sent.reached, "slow clients dropped");
        }
    }
}

/// Returns the text of an event, which all its frames share.
pub(crate) fn frame(event: &Event) -> Utf8Bytes {
    serde_json::to_string(event).expect("strings and a time can always be written").into()
}
