use std::{pin::pin, time::Duration};

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};

/// The timeout of the close handshake.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Sends the lines until they end or the client disconnects.
pub(super) async fn send(mut socket: WebSocket, lines: impl Stream<Item = Bytes>) {
    let mut lines = pin!(lines);
    loop {
        let chunk = tokio::select! {
            biased;
            message = socket.recv() => match message {
                // Messages of the client are ignored. axum answers pings.
                Some(Ok(message)) if !matches!(message, Message::Close(_)) => continue,
                _ => return,
            },
            chunk = lines.next() => chunk,
        };
        // JSON is UTF-8.
        let Some(text) = chunk.and_then(|chunk| Utf8Bytes::try_from(chunk).ok()) else { break };
        if socket.send(Message::Text(text)).await.is_err() {
            return;
        }
    }
    let complete = CloseFrame { code: close_code::NORMAL, reason: Utf8Bytes::default() };
    if socket.send(Message::Close(Some(complete))).await.is_ok() {
        let answered = async { while let Some(Ok(_)) = socket.recv().await {} };
        // After the timeout the connection is closed all the same.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, answered).await;
    }
}
