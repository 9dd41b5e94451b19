//! The auto traits of public types, which are part of the interface.

use axum::Router;
use upbeat::Context;
use upbeat_http::{
    Address, CutRequest, Diagnostics, DrainReport, DrainReportHandle, HttpServer, ListenError, Peer, Problem, Socket,
    TcpServer,
};

fn all<T: Send + Sync + Unpin + 'static>() {}

#[test]
fn everything_is_send_sync_and_unpin() {
    all::<Address>();
    all::<CutRequest>();
    all::<Diagnostics>();
    all::<DrainReport>();
    all::<HttpServer<Router>>();
    all::<DrainReportHandle>();
    all::<ListenError>();
    all::<Peer>();
    all::<Problem>();
    all::<Socket>();
    all::<TcpServer<fn(Socket, Context)>>();
    #[cfg(feature = "limit")]
    {
        all::<upbeat_http::RequestKey>();
        all::<upbeat_http::RateLimited<Router>>();
        all::<upbeat_http::ConcurrencyLimited<Router>>();
    }
    #[cfg(feature = "tls")]
    {
        all::<upbeat_http::TlsConfig>();
        all::<upbeat_http::TlsError>();
    }
}

#[test]
fn a_service_need_not_be_sync() {
    // Tower's own boxed service is only `Send`.
    all::<HttpServer<tower::util::BoxCloneService<(), (), std::convert::Infallible>>>();
}
