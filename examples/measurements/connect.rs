//! The other end of the stream: its bytes, by the scheme of the URL.

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

/// How much of a refusal is read.
const REFUSAL: usize = 64 * 1024;

/// Why there is no stream.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL has no scheme that is known here, or is none.
    #[error(
        "{0:?} is no URL of measurements; try http://127.0.0.1:8080/measurements or ws://127.0.0.1:8080/measurements/ws"
    )]
    BadUrl(String),
    /// There is nobody, or they do not speak HTTP.
    #[error("cannot connect to {url}")]
    Unreachable {
        /// As it was given.
        url: String,
        /// What happened.
        source: BoxError,
    },
    /// The server answered, but not with a stream.
    #[error("the server refuses with {status}: {said}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Its message; the body of its answer, if that has none.
        said: String,
    },
}

/// The entries at `http://…` or `ws://…`. Dropped, it disconnects.
///
/// An end that is not the sender's own is an error: an answer that is cut short, a web socket that closes with another code than 1000.
///
/// # Errors
///
/// When there is no stream at all.
///
/// # Panics
///
/// Outside a tokio runtime.
pub async fn entries(
    url: &str,
) -> Result<JsonEntries<BoxStream<'static, Result<Bytes, BoxError>>, Averaged, Fault>, ConnectError> {
    Ok(JsonEntries::new(bytes(url).await?))
}

/// The bytes of the entries, in pieces.
///
/// # Errors
///
/// As [`entries`].
pub async fn bytes(url: &str) -> Result<BoxStream<'static, Result<Bytes, BoxError>>, ConnectError> {
    match url.split_once("://") {
        Some(("http", _)) => Ok(http(url).await?.boxed()),
        Some(("ws", _)) => Ok(websocket(url).await?.boxed()),
        _ => Err(ConnectError::BadUrl(url.to_owned())),
    }
}

async fn http(url: &str) -> Result<impl Stream<Item = Result<Bytes, BoxError>> + use<>, ConnectError> {
    let unreachable = |source: BoxError| ConnectError::Unreachable { url: url.to_owned(), source };
    let uri = url.parse().map_err(|_| ConnectError::BadUrl(url.to_owned()))?;
    let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let answer = client.get(uri).await.map_err(|error| unreachable(error.into()))?;
    let status = answer.status();
    if !status.is_success() {
        let body = Limited::new(answer.into_body(), REFUSAL).collect().await.map_err(unreachable)?.to_bytes();
        return Err(refused(status.as_u16(), &body));
    }
    Ok(answer.into_body().into_data_stream().map_err(BoxError::from))
}

async fn websocket(url: &str) -> Result<impl Stream<Item = Result<Bytes, BoxError>> + use<>, ConnectError> {
    let unreachable = |source: BoxError| ConnectError::Unreachable { url: url.to_owned(), source };
    let (socket, _) = tokio_tungstenite::connect_async(url).await.map_err(|error| match error {
        tungstenite::Error::Http(answer) => {
            refused(answer.status().as_u16(), answer.body().as_deref().unwrap_or_default())
        }
        tungstenite::Error::Url(_) => ConnectError::BadUrl(url.to_owned()),
        error => unreachable(error.into()),
    })?;
    // What the end of the socket means was said by its close frame; one without it is an end that nobody meant.
    let cut = futures_util::stream::once(ready(Err("the connection was closed without a word".into())));
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
        Some(CloseFrame { code: CloseCode::Away, .. }) => "the server is going away (close code 1001)".into(),
        Some(frame) => format!("the server closed with {frame}").into(),
        None => "the server closed without a code".into(),
    }
}

fn refused(status: u16, body: &[u8]) -> ConnectError {
    let told: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let message = told.as_ref().and_then(|told| told.pointer("/error/message")?.as_str());
    let said = message.map_or_else(|| String::from_utf8_lossy(body).trim().to_owned(), str::to_owned);
    ConnectError::Refused { status, said }
}
