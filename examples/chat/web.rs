//! What the server answers: the page, and the way into the room.

use std::time::Duration;

use axum::{
    Extension, Router,
    extract::{Query, State, WebSocketUpgrade},
    http::{HeaderMap, StatusCode, Uri, header, uri::Authority},
    response::{IntoResponse as _, Response},
    routing::get,
};
use upbeat::Context;

use crate::{
    conversation::{Conversation, LARGEST, close},
    limits::Limits,
    page,
    room::Room,
};

/// Up to this size a message that is too large is read to its end, so that its sender can be told; one beyond costs the connection at once.
const READ_AT_MOST: usize = 16 * LARGEST;

/// What the way into the room needs to know.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) room: Room,
    pub(crate) limits: Limits,
    pub(crate) ping: Duration,
}

#[derive(serde::Deserialize)]
struct Visitor {
    #[serde(default)]
    name: String,
}

/// Everything that can be asked for.
pub(crate) fn routes(door: Door) -> Router {
    Router::new().route("/ws", get(enter)).with_state(door).merge(page::routes())
}

async fn enter(
    State(door): State<Door>,
    Query(visitor): Query<Visitor>,
    Extension(cx): Extension<Context>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if !same_origin(&headers) {
        return (StatusCode::FORBIDDEN, "this room is not open to the pages of other sites\n").into_response();
    }
    let upgrade = upgrade.read_buffer_size(2 * LARGEST).max_message_size(READ_AT_MOST).max_frame_size(READ_AT_MOST);
    upgrade.on_upgrade(async move |socket| match door.room.enter(&visitor.name) {
        Ok((seat, welcome)) => {
            let conversation = Conversation::new(door.room, seat, door.limits.allowance(), door.ping);
            conversation.hold(socket, welcome, cx).await;
        }
        // The one thing of a refusal that a page can read is the close frame.
        Err(ending) => close(socket, ending).await,
    })
}

/// Whether the request comes from our own page, or from no page at all. Browsers let every site connect, and name it.
/// A proxy in front of us has to pass the `host` on as it is.
fn same_origin(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let origin = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok());
    let page = origin.as_ref().and_then(Uri::authority).map(Authority::as_str);
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    page.is_some() && page == host
}
