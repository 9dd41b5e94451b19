use std::{any::Any, io, mem, sync::Arc};

use tokio::{sync::Semaphore, time::Instant};
use upbeat::Context;

use super::{
    app::App,
    drain::{DrainReport, drain},
    driver::Driver,
    player::HttpServer,
    registry::{CutOnDrop, Shared},
    service::Calls,
    stage::Stage,
    stall::watch,
    wire::{Transport, Wire},
};
use crate::listen::{Accepted, ListenError, Listener, accept, sweep};

/// One run of a server, from its bind to the end of its drain.
pub(super) async fn run<S: App>(server: &HttpServer<S>, cx: Context) -> Result<(), ListenError> {
    let Some(listener) = cx.unless_stopping(server.endpoint.open()).await else {
        return Ok(());
    };
    let listener = listener?;
    let name = server.endpoint.name();
    cx.detail("listening", &name);
    #[cfg(feature = "tls")]
    let scheme = if server.tls.is_some() { "https" } else { "http" };
    #[cfg(not(feature = "tls"))]
    let scheme = "http";
    if server.endpoint.address().get().is_some() {
        tracing::info!("listening on {scheme}://{name}");
    } else {
        tracing::info!("listening on {name} ({scheme})");
    }
    cx.ready();

    let shared = Shared::new(server.config, cx.clone());
    let _cut = CutOnDrop(shared.clone());
    let open = Arc::downgrade(&shared);
    cx.register_work(move |work| {
        if let Some(open) = open.upgrade() {
            open.list(work);
        }
    });
    let serving = async {
        serve_until_stop(server, listener, &shared).await?;
        Ok(drain(&shared, shared.draining_since().unwrap_or_else(Instant::now)).await)
    };
    let report = match server.config.stall_limit {
        None => serving.await,
        // Not a task of its own: so it is over when this is, however that comes.
        Some(limit) => tokio::select! {
            report = serving => report,
            never = watch(&shared, limit) => never,
        },
    };
    let report = report.map_err(|error| ListenError::new(name, error))?;
    if !server.config.quiet || !report.cut.is_empty() {
        tell(&cx, &report);
    }
    server.last_drain().set(report);
    Ok(())
}

/// Serves connections until the stop; when it returns, the drain has begun and the listener is closed.
async fn serve_until_stop<S: App>(server: &HttpServer<S>, listener: Listener, shared: &Arc<Shared>) -> io::Result<()> {
    let service = eager(server.service.lock().clone());
    #[cfg(feature = "tls")]
    let acceptor = server.tls.as_ref().map(super::tls::TlsConfig::acceptor);
    let mut serve = move |Accepted { socket, peer, place }: Accepted| {
        let membership = shared.join(peer, place);
        let conn = membership.conn().clone();
        let calls = Calls::new(service.clone(), conn.clone());
        let wire = Wire::new(Transport::Plain(socket), membership);
        #[cfg(feature = "tls")]
        let stage = match &acceptor {
            Some(acceptor) => Stage::tls(wire, acceptor.clone(), calls),
            None => Stage::plain(wire, calls),
        };
        #[cfg(not(feature = "tls"))]
        let stage = Stage::plain(wire, calls);
        tokio::spawn(Driver::new(stage, conn));
    };
    let places = Arc::new(Semaphore::new(server.config.max_connections));
    accept(&listener, &places, shared.context.stopping(), &mut serve).await?;
    shared.begin_drain(Instant::now());
    sweep(listener, serve).await;
    Ok(())
}

/// A router whose state is not yet told makes a service of each handler anew for every request. That is told here, as `axum::serve` does.
fn eager<S: App>(mut service: S) -> S {
    let any: &mut dyn Any = &mut service;
    if let Some(router) = any.downcast_mut::<axum::Router>() {
        *router = mem::take(router).with_state(());
    }
    service
}

fn tell(cx: &Context, report: &DrainReport) {
    tracing::info!("{report}");
    cx.note(report);
    for request in &report.cut {
        cx.report_lost(request);
    }
}
