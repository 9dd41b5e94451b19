//! The routes of the server: the page, and the WebSocket of the room.

use std::time::Duration;

use axum::{
    Extension, Router,
    extract::{Query, State, WebSocketUpgrade},
    http::{HeaderMap, StatusCode, Uri, header, uri::Authority},
    response::{IntoResponse as _, Response},
    routing::get,
};
use upbeat::Context;
use upbeat_chat::MAX_MESSAGE;

use crate::{
    conversation::{Conversation, close},
    limits::Limits,
    page,
    room::Room,
};

/// The size in bytes up to which a message that is too large is read, so that its sender gets a
/// close frame. A larger message ends the connection at once.
const MAX_READ: usize = 16 * MAX_MESSAGE;

/// The state of the handlers.
#[derive(Clone)]
pub(crate) struct AppState {
    pub(crate) room: Room,
    pub(crate) limits: Limits,
    pub(crate) ping: Duration,
}

#[derive(serde::Deserialize)]
struct Visitor {
    #[serde(default)]
    name: String,
}

/// Returns all routes.
pub(crate) fn routes(state: AppState) -> Router {
    Router::new().route("/ws", get(enter)).with_state(state).merge(page::routes())
}

async fn enter(
    State(state): State<AppState>,
    Query(visitor): Query<Visitor>,
    Extension(cx): Extension<Context>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if !same_origin(&headers) {
        return (StatusCode::FORBIDDEN, "cross-origin requests are forbidden\n").into_response();
    }
    let upgrade = upgrade.read_buffer_size(2 * MAX_MESSAGE).max_message_size(MAX_READ).max_frame_size(MAX_READ);
    upgrade.on_upgrade(async move |socket| match state.room.enter(&visitor.name) {
        Ok((seat, welcome)) => {
            let conversation = Conversation::new(state.room, seat, state.limits.allowance(), state.ping);
            conversation.serve(socket, welcome, cx).await;
        }
        // A page can read a close frame, but no response other than an upgrade.
        Err(ending) => close(socket, ending).await,
    })
}

/// Returns whether the request comes from the page of this server, or from no page. Browsers let
/// each site connect, and send its origin. A proxy has to keep the header `host`.
fn same_origin(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let origin = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok());
    let page = origin.as_ref().and_then(Uri::authority).map(Authority::as_str);
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    page.is_some() && page == host
}
