//! The room: who is in it, and what is said there.

use axum::extract::ws::Utf8Bytes;
use jiff::Timestamp;
use upbeat_chat::Event;
use upbeat_work::{Hub, hub::Member};

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

/// A place in the room, until it is dropped.
pub(crate) struct Seat {
    pub(crate) member: Member<Utf8Bytes>,
    pub(crate) name: Name,
}

impl Room {
    /// A room in which so many messages may wait for each member.
    pub(crate) fn with_buffer(messages: usize) -> Self {
        Self { hub: Hub::with_buffer(messages), names: Names::default() }
    }

    /// What plays it.
    pub(crate) fn player(&self) -> Hub<Utf8Bytes> {
        self.hub.clone()
    }

    /// A place for somebody, and the welcome.
    pub(crate) fn enter(&self, wanted: &str) -> Result<(Seat, Event), Ending> {
        let name = self.names.take(wanted)?;
        let member = self.hub.join()?;
        let welcome = Event::Welcome { name: name.to_string(), members: self.hub.counts().members };
        Ok((Seat { member, name }, welcome))
    }

    /// Says something to all. The sender and the time are ours to set, whatever the client claims.
    pub(crate) fn say(&self, from: &Name, text: String) {
        let message = Event::Message { from: from.to_string(), time: Timestamp::now(), text };
        // A room that is closed has told that to everybody in it, and this client with them.
        if let Ok(sent) = self.hub.send(frame(&message))
            && sent.dropped > 0
        {
            tracing::info!(dropped = sent.dropped, reached = sent.reached, "clients that do not read were dropped");
        }
    }
}

/// The text of an event, which all its frames share.
pub(crate) fn frame(event: &Event) -> Utf8Bytes {
    serde_json::to_string(event).expect("strings and a time can always be written").into()
}
