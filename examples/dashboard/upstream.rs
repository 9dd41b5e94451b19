//! Requests to the back ends.

use std::{io, time::Duration};

use axum::http::{HeaderName, StatusCode};
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use reqwest::{Client, Response, Url};
use serde::de::DeserializeOwned;
use tokio_util::{
    codec::{FramedRead, LinesCodec, LinesCodecError},
    io::StreamReader,
};
use upbeat::Context;
use upbeat_http::{Address, Problem, RequestId};

static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The maximum length of a line of a stream, in bytes.
const MAX_LINE: usize = 16 * 1024;

/// All back ends.
#[derive(Clone, Debug)]
pub struct Upstreams {
    /// The back end of users.
    pub user: Upstream,
    /// The back end of accounts.
    pub accounts: Upstream,
    /// The back end of recommendations.
    pub recommendations: Upstream,
    /// The back ends of transactions.
    pub transactions: [Upstream; 2],
}

/// A back end.
#[derive(Clone, Debug)]
pub struct Upstream {
    name: &'static str,
    location: Location,
}

#[derive(Clone, Debug)]
enum Location {
    Local(Address),
    Remote(Url),
}

/// The error of a request to a back end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpstreamError {
    #[error("back end has not started")]
    NotStarted,
    #[error("request failed")]
    Request(#[from] reqwest::Error),
    #[error("stream failed")]
    Stream(#[from] LinesCodecError),
    #[error("line is not JSON")]
    Line(#[from] serde_json::Error),
}

impl Upstream {
    /// Returns a back end that the same conductor plays.
    pub fn local(name: &'static str, address: Address) -> Self {
        Self { name, location: Location::Local(address) }
    }

    /// Returns a back end in another process.
    pub fn remote(name: &'static str, url: &Url) -> Self {
        Self { name, location: Location::Remote(url.clone()) }
    }

    /// Requests a value.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        client: &Client,
        cx: &Context,
        path: &str,
    ) -> Result<T, UpstreamError> {
        Ok(self.send(client, cx, path).await?.json().await?)
    }

    /// Requests a stream of values as JSON lines. If the stream is dropped, the request is
    /// cancelled.
    pub(crate) async fn lines<T: DeserializeOwned>(
        &self,
        client: &Client,
        cx: &Context,
        path: &str,
    ) -> Result<impl Stream<Item = Result<T, UpstreamError>> + Unpin + use<T>, UpstreamError> {
        let bytes = self.send(client, cx, path).await?.bytes_stream().map_err(io::Error::other);
        let lines = FramedRead::new(StreamReader::new(bytes.boxed()), LinesCodec::new_with_max_length(MAX_LINE));
        Ok(lines.map(|line| Ok(serde_json::from_str(&line?)?)))
    }

    async fn send(&self, client: &Client, cx: &Context, path: &str) -> Result<Response, UpstreamError> {
        let mut url = match &self.location {
            Location::Remote(url) => url.clone(),
            Location::Local(address) => {
                let address = address.get().ok_or(UpstreamError::NotStarted)?;
                Url::parse(&format!("http://{address}")).map_err(|_| UpstreamError::NotStarted)?
            }
        };
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        url.set_path(path);
        url.set_query(Some(query));
        let mut request = client.get(url);
        if let Some(id) = cx.value::<RequestId>() {
            request = request.header(&X_REQUEST_ID, id.to_string());
        }
        Ok(request.send().await?.error_for_status()?)
    }

    /// Returns the response of an error. It names the back end, but has no details.
    pub(crate) fn problem(&self, error: UpstreamError) -> Problem {
        Problem::new(StatusCode::BAD_GATEWAY, "back_end_failed")
            .detail(format!("the back end `{}` failed", self.name))
            .with("back_end", self.name)
            .retry_after(Duration::from_secs(5))
            .with_source(error)
    }
}
