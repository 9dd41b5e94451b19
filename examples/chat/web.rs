//! The routes of the server: the page, and the WebSocket of the room.

use std::time::Duration;

use axum::{
    Extension, Router,
    extract::{Query, State, WebSocketUpgrade},
    response::Response,
    routing::get,
};
use upbeat::Context;
use upbeat_chat::MAX_MESSAGE;
use upbeat_http::SameOrigin;

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
    _: SameOrigin,
    State(state): State<AppState>,
    Query(visitor): Query<Visitor>,
    Extension(cx): Extension<Context>,
    upgrade: WebSocketUpgrade,
) -> Response {
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
