//! Asking back ends.

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

/// Longer lines of a stream are not believed.
const LONGEST_LINE: usize = 16 * 1024;

/// All back ends.
#[derive(Clone, Debug)]
pub struct Upstreams {
    /// Who somebody is.
    pub user: Upstream,
    /// What they have.
    pub accounts: Upstream,
    /// What they may like.
    pub recommendations: Upstream,
    /// What they paid and received, from several sources.
    pub transactions: [Upstream; 2],
}

/// One back end.
#[derive(Clone, Debug)]
pub struct Upstream {
    name: &'static str,
    place: Place,
}

#[derive(Clone, Debug)]
enum Place {
    Local(Address),
    At(Url),
}

/// Why a back end gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpstreamError {
    #[error("the address of a back end that has not started is not known")]
    NotStarted,
    #[error("asking failed")]
    Asking(#[from] reqwest::Error),
    #[error("the stream broke off")]
    Stream(#[from] LinesCodecError),
    #[error("the line is none of JSON")]
    Line(#[from] serde_json::Error),
}

impl Upstream {
    /// One that is played by the same conductor.
    pub fn local(name: &'static str, address: Address) -> Self {
        Self { name, place: Place::Local(address) }
    }

    /// One that runs elsewhere.
    pub fn at(name: &'static str, url: &Url) -> Self {
        Self { name, place: Place::At(url.clone()) }
    }

    /// Asks for a value.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        client: &Client,
        cx: &Context,
        path: &str,
    ) -> Result<T, UpstreamError> {
        Ok(self.ask(client, cx, path).await?.json().await?)
    }

    /// Asks for a stream of values, a line of JSON for each. Dropping it ends the request.
    pub(crate) async fn lines<T: DeserializeOwned>(
        &self,
        client: &Client,
        cx: &Context,
        path: &str,
    ) -> Result<impl Stream<Item = Result<T, UpstreamError>> + Unpin + use<T>, UpstreamError> {
        let bytes = self.ask(client, cx, path).await?.bytes_stream().map_err(io::Error::other);
        let lines = FramedRead::new(StreamReader::new(bytes.boxed()), LinesCodec::new_with_max_length(LONGEST_LINE));
        Ok(lines.map(|line| Ok(serde_json::from_str(&line?)?)))
    }

    async fn ask(&self, client: &Client, cx: &Context, path: &str) -> Result<Response, UpstreamError> {
        let mut url = match &self.place {
            Place::At(url) => url.clone(),
            Place::Local(address) => {
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

    /// What a client is told of it: which back end it was, and nothing of how it failed.
    pub(crate) fn problem(&self, error: UpstreamError) -> Problem {
        Problem::new(StatusCode::BAD_GATEWAY, "back_end_failed")
            .detail(format!("the back end `{}` gave no answer", self.name))
            .with("back_end", self.name)
            .retry_after(Duration::from_secs(5))
            .with_source(error)
    }
}
