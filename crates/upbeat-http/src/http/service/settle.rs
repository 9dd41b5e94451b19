use std::{
    pin::Pin,
    task::{Context, Poll},
};

use http::{Request, Response, Version, header, response::Parts};
use http_body::{Body, Frame};
use hyper::body::Incoming;
use upbeat::{BoxError, panic::Panic};

use crate::http::connection::{Conn, Expectation};

/// The length up to which a request body mostly arrives with its head.
const SMALL: u64 = 8 * 1024;

/// The body of an HTTP/1 request, as far as it affects the head of the response.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Upload {
    /// There is no body, or a small one, or the request is not of HTTP/1.
    Done,
    /// The client may still be sending.
    Open,
    /// The client waits for a status of 100 before it sends.
    AwaitsContinue,
}

impl Upload {
    pub(super) fn of(request: &Request<Incoming>) -> Self {
        if request.version() > Version::HTTP_11 || request.body().is_end_stream() {
            return Self::Done;
        }
        let expects = request.headers().get(header::EXPECT);
        let awaits = expects.is_some_and(|expect| expect.as_bytes().eq_ignore_ascii_case(b"100-continue"));
        match request.body().size_hint().exact() {
            // A client of HTTP/1.0 is not sent an interim response.
            _ if awaits && request.version() == Version::HTTP_11 => Self::AwaitsContinue,
            Some(..=SMALL) => Self::Done,
            _ => Self::Open,
        }
    }
}

/// The first frame of a body, or its end or error.
pub(super) type First<D> = Option<Result<Frame<D>, BoxError>>;

/// A response whose head waits until the engine has looked at the request's body.
///
/// An engine reads a request body only between two polls of the response. With the head it loses
/// the possibility to send a status of 100, and to announce that it closes the connection.
///
/// - If the service has dropped the body, the engine discards the rest or decides to close the
///   connection. The head then says so.
/// - If the client waits for a status of 100, and the response may still read the body, the head
///   waits for the first bytes of the response. As soon as it reads, the engine sends the 100.
pub(super) struct Settling<B: Body> {
    pub(super) head: Parts,
    pub(super) body: Pin<Box<B>>,
    pub(super) first: Option<First<B::Data>>,
    /// The length of the body that the engine will read, if it is known.
    pub(super) left: Option<u64>,
    peeks: bool,
    stage: Stage,
}

/// The progress of an engine, which is let through twice at most.
#[derive(PartialEq, Eq)]
enum Stage {
    /// It has yet to look at the body.
    Begun,
    Looked,
    /// It has read on, and has sent what it had to send before.
    Sent,
}

impl<B> Settling<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    /// Returns the response if its head need not wait.
    ///
    /// The engine will read `left` bytes of its body, if that is known.
    pub(super) fn begin(
        response: Response<B>,
        upload: Upload,
        conn: &Conn,
        left: Option<u64>,
    ) -> Result<Self, Response<B>> {
        let peeks = match upload {
            Upload::Open => false,
            Upload::AwaitsContinue if conn.expectation() == Expectation::Awaited => left != Some(0),
            // The body was read or dropped before.
            Upload::Done | Upload::AwaitsContinue => return Err(response),
        };
        if response.status().is_informational() {
            // The connection is upgraded.
            return Err(response);
        }
        let (head, body) = response.into_parts();
        Ok(Self { head, body: Box::pin(body), first: None, left, peeks, stage: Stage::Begun })
    }

    /// Waits until the head may be sent.
    ///
    /// # Errors
    ///
    /// The panic of the body.
    pub(super) fn poll(&mut self, conn: &Conn, cx: &mut Context<'_>) -> Poll<Result<(), Panic>> {
        if self.peeks && self.first.is_none() {
            match Panic::catch(|| self.body.as_mut().poll_frame(cx)) {
                Ok(Poll::Ready(first)) => self.first = Some(first.map(|first| first.map_err(Into::into))),
                Ok(Poll::Pending) => {}
                Err(panic) => return Poll::Ready(Err(panic)),
            }
        }
        let waits = self.peeks && self.first.is_none();
        let next = match (&self.stage, conn.expectation()) {
            (Stage::Begun, _) => Stage::Looked,
            (Stage::Looked, Expectation::Read) if waits => Stage::Sent,
            (_, Expectation::Awaited | Expectation::Met) if waits => return Poll::Pending,
            _ => return Poll::Ready(Ok(())),
        };
        self.stage = next;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
