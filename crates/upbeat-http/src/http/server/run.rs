use std::{any::Any, io, mem, sync::Arc};

use tokio::{sync::Semaphore, time::Instant};
use upbeat::Context;

use super::stall::watch;
#[cfg(feature = "tls")]
use crate::http::tls::TlsConfig;
use crate::{
    deadline::drain_deadline,
    http::{
        config::Config,
        connection::{CutOnDrop, Registry},
        drain::{DrainReport, DrainReportHandle, drain},
        driver::{ConnectionPhase, Driver},
        service::{ConnectionService, HttpService},
        transport::{Transport, Wire},
    },
    listen::{Accepted, Descriptors, Endpoint, ListenError, Listener, accept, sweep},
    targets,
};

/// One run of a server, from its bind to the end of its drain.
pub(super) struct ServerRun<'a, S> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) service: S,
    pub(super) config: Config,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<TlsConfig>,
    pub(super) drain_report: &'a DrainReportHandle,
}

impl<S: HttpService> ServerRun<'_, S> {
    pub(super) async fn play(self, cx: Context) -> Result<(), ListenError> {
        let Some(listener) = cx.unless_stopping(self.endpoint.open()).await else {
            return Ok(());
        };
        let listener = listener?;
        let name = self.endpoint.name();
        cx.detail("listening", &name);
        self.log_listening(&name);
        cx.ready();

        let registry = Registry::new(self.config, cx.clone());
        let _cut = CutOnDrop(registry.clone());
        let open = Arc::downgrade(&registry);
        cx.register_work(move |work| {
            if let Some(open) = open.upgrade() {
                open.list_requests(work);
            }
        });
        let (config, drain_report) = (self.config, self.drain_report);
        let serving = async {
            self.serve_until_stop(listener, &registry).await?;
            Ok(drain(&registry, registry.server().draining_since().unwrap_or_else(Instant::now)).await)
        };
        let report = match config.stall_timeout {
            None => serving.await,
            // Not a task of its own, so that it ends with this future in every case.
            Some(limit) => tokio::select! {
                report = serving => report,
                never = watch(&registry, limit) => never,
            },
        };
        let report = report.map_err(|error| ListenError::new(name, error))?;
        if !config.quiet || !report.cut.is_empty() {
            log_drain(&cx, &report);
        }
        drain_report.set(report);
        Ok(())
    }

    fn log_listening(&self, name: &str) {
        #[cfg(feature = "tls")]
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        #[cfg(not(feature = "tls"))]
        let scheme = "http";
        if self.endpoint.address().get().is_some() {
            tracing::info!(target: targets::SERVER, "listening on {scheme}://{name}");
        } else {
            tracing::info!(target: targets::SERVER, "listening on {name} ({scheme})");
        }
    }

    /// Serves connections until the stop, then begins the drain and closes the listener.
    async fn serve_until_stop(self, listener: Listener, registry: &Arc<Registry>) -> io::Result<()> {
        let service = with_state(self.service);
        #[cfg(feature = "tls")]
        let acceptor = self.tls.as_ref().map(TlsConfig::acceptor);
        let keep_alive_interval = self.config.keep_alive_interval;
        let mut serve = move |Accepted { socket, peer, permit }: Accepted| {
            socket.keep_alive(keep_alive_interval);
            let membership = registry.join(peer, permit);
            let conn = membership.conn().clone();
            let service = ConnectionService::new(service.clone(), conn.clone());
            let wire = Wire::new(Transport::Plain(socket), membership);
            #[cfg(feature = "tls")]
            let phase = match &acceptor {
                Some(acceptor) => ConnectionPhase::tls(wire, acceptor.clone(), service),
                None => ConnectionPhase::plain(wire, service),
            };
            #[cfg(not(feature = "tls"))]
            let phase = ConnectionPhase::plain(wire, service);
            tokio::spawn(Driver::new(phase, conn));
        };
        let permits = Arc::new(Semaphore::new(self.config.max_connections));
        let descriptors = if self.config.quiet {
            // Diagnostics, which tell why the others do not respond.
            Descriptors::with_reserve()
        } else {
            Descriptors::without_reserve()
        };
        descriptors.check(&self.endpoint.name(), self.config.max_connections);
        let cx = &registry.server().context;
        accept(&listener, &permits, descriptors, cx.stopping(), &mut serve).await?;
        let now = Instant::now();
        registry.begin_drain(now);
        sweep(listener, drain_deadline(cx, now, self.config.drain_timeout), serve).await;
        Ok(())
    }
}

/// Gives a router its state, as `axum::serve` does.
///
/// A router without state would build a service of each handler for every request.
fn with_state<S: HttpService>(mut service: S) -> S {
    let any: &mut dyn Any = &mut service;
    if let Some(router) = any.downcast_mut::<axum::Router>() {
        *router = mem::take(router).with_state(());
    }
    service
}

fn log_drain(cx: &Context, report: &DrainReport) {
    tracing::info!(target: targets::SERVER, "{report}");
    cx.note(report);
    for request in &report.cut {
        cx.report_lost(request);
    }
}
