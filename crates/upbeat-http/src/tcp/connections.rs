use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{
    task::{Id, JoinSet},
    time::{Instant, timeout, timeout_at},
};
use upbeat::{
    diagnostics::{Probe, WorkList, watch},
    report::HumanDuration,
};

use crate::{count::Count, deadline::CLEANUP_TIMEOUT, listen::Peer};

/// The open connections of a TCP server. Dropping it aborts their handlers.
#[derive(Debug, Default)]
pub(super) struct Connections {
    tasks: JoinSet<()>,
    open: Arc<Mutex<HashMap<Id, OpenConnection>>>,
    /// The number that have ended since the drain began, or since the start.
    finished: u64,
}

#[derive(Debug)]
struct OpenConnection {
    peer: Peer,
    since: Instant,
    probe: Probe,
}

impl Connections {
    pub(super) fn add(&mut self, peer: Peer, handler: impl Future<Output = ()> + Send + 'static) {
        self.remove_ended();
        let (handler, probe) = watch(handler);
        let handle = self.tasks.spawn(handler);
        self.open.lock().insert(handle.id(), OpenConnection { peer, since: Instant::now(), probe });
    }

    /// Returns a function that lists the open connections while there are any.
    pub(super) fn list(&self) -> impl Fn(&mut WorkList) + Send + Sync + 'static {
        let open = Arc::downgrade(&self.open);
        move |work| {
            let Some(open) = open.upgrade() else { return };
            for open in open.lock().values() {
                work.add(open.since, || format!("connection from {}", open.peer), Some(open.probe.clone()));
            }
        }
    }

    /// Removes ended connections. It runs for each new one, which is often enough.
    fn remove_ended(&mut self) {
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            self.open.lock().remove(&id(ended));
            self.finished += 1;
        }
    }

    /// Starts to count the connections that end.
    pub(super) fn begin_drain(&mut self) {
        self.remove_ended();
        self.finished = 0;
    }

    /// Waits for all connections until `deadline` and aborts the rest.
    pub(super) async fn drain(mut self, started: Instant, deadline: Instant) -> TcpDrainReport {
        let all = async {
            while let Some(ended) = self.tasks.join_next_with_id().await {
                self.open.lock().remove(&id(ended));
                self.finished += 1;
            }
        };
        let _ = timeout_at(deadline, all).await;
        let mut left: Vec<_> = std::mem::take(&mut *self.open.lock()).into_values().collect();
        left.sort_by_key(|open| open.since);
        let cut = left.iter().map(ToString::to_string).collect();
        let _ = timeout(CLEANUP_TIMEOUT, self.tasks.shutdown()).await;
        TcpDrainReport { took: started.elapsed(), finished: self.finished, cut }
    }
}

fn id<T>(ended: Result<(Id, T), tokio::task::JoinError>) -> Id {
    ended.map_or_else(|error| error.id(), |(id, _)| id)
}

impl fmt::Display for OpenConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connection from {}, open for {}", self.peer, HumanDuration(self.since.elapsed()))
    }
}

/// The result of a drain of a TCP server.
pub(super) struct TcpDrainReport {
    took: Duration,
    finished: u64,
    pub(super) cut: Vec<String>,
}

impl fmt::Display for TcpDrainReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connections = if self.finished == 1 { "connection" } else { "connections" };
        write!(f, "drained in {}: {} {connections} finished", HumanDuration(self.took), Count(self.finished))?;
        if !self.cut.is_empty() {
            write!(f, ", {} cut", Count(self.cut.len() as u64))?;
        }
        Ok(())
    }
}
