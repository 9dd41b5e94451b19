//! The receiving end of the stream, over HTTP or WebSocket.

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, future::ready, stream::BoxStream};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio_tungstenite::tungstenite::{
    self, Message,
    protocol::{CloseFrame, frame::coding::CloseCode},
};
use upbeat::BoxError;
use upbeat_http::JsonEntries;

use crate::{Averaged, Fault};

/// The maximum size of an error response that is read, in bytes.
const MAX_ERROR: usize = 64 * 1024;

/// The error of a stream that cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL is invalid, or has another scheme than `http` and `ws`.
    #[error("invalid URL {0:?}, try http://127.0.0.1:8080/measurements or ws://127.0.0.1:8080/measurements/ws")]
    InvalidUrl(String),
    /// The server cannot be reached, or does not speak HTTP.
    #[error("failed to connect to {url}")]
    Unreachable {
        /// The URL.
        url: String,
        /// The reason.
        source: BoxError,
    },
    /// The server responded with an error.
    #[error("server responded with {status}: {message}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// The message of the error, or the body of a response without one.
        message: String,
    },
}

/// Returns the entries at `http://…` or `ws://…`. If the stream is dropped, it disconnects.
///
/// An end of the connection before the end of the stream is an error. So is a WebSocket that closes
/// with a code other than 1000.
///
/// # Errors
///
/// If the stream cannot be opened.
///
/// # Panics
///
/// If it is called outside a tokio runtime.
pub async fn entries(
    url: &str,
) -> Result<JsonEntries<BoxStream<'static, Result<Bytes, BoxError>>, Averaged, Fault>, ConnectError> {
    Ok(JsonEntries::new(bytes(url).await?))
}

/// Returns the bytes of the entries, in pieces.
///
/// # Errors
///
/// As [`entries`].
pub async fn bytes(url: &str) -> Result<BoxStream<'static, Result<Bytes, BoxError>>, ConnectError> {
    match url.split_once("://") {
        Some(("http", _)) => Ok(http(url).await?.boxed()),
        Some(("ws", _)) => Ok(websocket(url).await?.boxed()),
        _ => Err(ConnectError::InvalidUrl(url.to_owned())),
    }
}

async fn http(url: &str) -> Result<impl Stream<Item = Result<Bytes, BoxError>> + use<>, ConnectError> {
    let unreachable = |source: BoxError| ConnectError::Unreachable { url: url.to_owned(), source };
    let uri = url.parse().map_err(|_| ConnectError::InvalidUrl(url.to_owned()))?;
    let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let answer = client.get(uri).await.map_err(|error| unreachable(error.into()))?;
    let status = answer.status();
    if !status.is_success() {
        let body = Limited::new(answer.into_body(), MAX_ERROR).collect().await.map_err(unreachable)?.to_bytes();
        return Err(status_error(status.as_u16(), &body));
    }
    Ok(answer.into_body().into_data_stream().map_err(BoxError::from))
}

async fn websocket(url: &str) -> Result<impl Stream<Item = Result<Bytes, BoxError>> + use<>, ConnectError> {
    let unreachable = |source: BoxError| ConnectError::Unreachable { url: url.to_owned(), source };
    let (socket, _) = tokio_tungstenite::connect_async(url).await.map_err(|error| match error {
        tungstenite::Error::Http(answer) => {
            status_error(answer.status().as_u16(), answer.body().as_deref().unwrap_or_default())
        }
        tungstenite::Error::Url(_) => ConnectError::InvalidUrl(url.to_owned()),
        error => unreachable(error.into()),
    })?;
    // A complete stream ends with a close frame. An end without one is an error.
    let cut = futures_util::stream::once(ready(Err("connection closed without a close frame".into())));
    let pieces = socket.map_err(BoxError::from).chain(cut).map(|message| match message? {
        Message::Close(Some(CloseFrame { code: CloseCode::Normal, .. })) => Ok(Piece::End),
        Message::Close(frame) => Err(closed(frame)),
        Message::Text(text) => Ok(Piece::Bytes(text.into())),
        Message::Binary(bytes) => Ok(Piece::Bytes(bytes)),
        _ => Ok(Piece::Bytes(Bytes::new())),
    });
    Ok(pieces.take_while(|piece| ready(!matches!(piece, Ok(Piece::End)))).map_ok(|piece| match piece {
        Piece::Bytes(bytes) => bytes,
        Piece::End => Bytes::new(),
    }))
}

enum Piece {
    Bytes(Bytes),
    End,
}

fn closed(frame: Option<CloseFrame>) -> BoxError {
    match frame {
        Some(CloseFrame { code: CloseCode::Away, .. }) => "server is going away (close code 1001)".into(),
        Some(frame) => format!("server closed with {frame}").into(),
        None => "server closed without a code".into(),
    }
}

fn status_error(status: u16, body: &[u8]) -> ConnectError {
    let json: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let message = json.as_ref().and_then(|json| json.pointer("/error/message")?.as_str());
    let message = message.map_or_else(|| String::from_utf8_lossy(body).trim().to_owned(), str::to_owned);
    ConnectError::Status { status, message }
}
