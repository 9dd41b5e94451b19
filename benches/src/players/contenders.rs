use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Result, anyhow, bail, ensure};
use task_supervisor::{SupervisedTask, SupervisorBuilder, TaskResult};
use tokio::{sync::Notify, task::JoinSet};
use tokio_graceful_shutdown::{SubsystemBuilder, SubsystemHandle, Toplevel};
use tokio_util::sync::CancellationToken;
use upbeat::{BoxError, Conductor, Context};

use crate::measure::{Probe, Spent};

/// A stop timeout that no contender exceeds.
const PATIENCE: Duration = Duration::from_mins(10);

/// Starts `size` idle players, waits until they are ready, stops them, and waits for their end.
pub(super) async fn run(name: String, size: usize) -> Result<Spent> {
    match name.as_str() {
        "JoinSet" => join_set(size).await,
        "upbeat" => upbeat(size).await,
        "tokio-graceful-shutdown" => tokio_graceful_shutdown(size).await,
        "task-supervisor" => task_supervisor(size).await,
        _ => bail!("there is no contender {name}"),
    }
}

/// A gate that opens once all players run, for contenders without readiness.
#[derive(Clone, Debug)]
struct Gate {
    missing: Arc<AtomicUsize>,
    open: Arc<Notify>,
}

impl Gate {
    fn new(size: usize) -> Self {
        Self { missing: Arc::new(AtomicUsize::new(size)), open: Arc::new(Notify::new()) }
    }

    fn arrive(&self) {
        if self.missing.fetch_sub(1, Ordering::AcqRel) == 1 {
            // Stores the permit if there is no waiter yet.
            self.open.notify_one();
        }
    }

    async fn wait(&self) {
        self.open.notified().await;
    }
}

async fn join_set(size: usize) -> Result<Spent> {
    let mut probe = Probe::start()?;
    let (gate, token) = (Gate::new(size), CancellationToken::new());
    let mut tasks = JoinSet::new();
    for _ in 0..size {
        let (gate, token) = (gate.clone(), token.clone());
        tasks.spawn(async move {
            gate.arrive();
            token.cancelled().await;
        });
    }
    gate.wait().await;
    probe.ready()?;
    token.cancel();
    while let Some(joined) = tasks.join_next().await {
        joined?;
    }
    Ok(probe.done())
}

async fn idle(cx: Context) -> Result<(), std::io::Error> {
    cx.stopping().await;
    Ok(())
}

async fn upbeat(size: usize) -> Result<Spent> {
    let mut probe = Probe::start()?;
    let mut conductor = Conductor::new("bench");
    for at in 0..size {
        conductor = conductor.player(format!("p{at}"), idle);
    }
    let handle = conductor.handle();
    let playing = tokio::spawn(conductor.play_until(std::future::pending()));
    handle.overview().wait_ready().await;
    probe.ready()?;
    handle.stop();
    let report = playing.await?;
    ensure!(report.is_clean() && report.players.len() == size, "not a clean report of {size} players: {report}");
    // The cost includes dropping the report.
    drop(report);
    Ok(probe.done())
}

async fn tokio_graceful_shutdown(size: usize) -> Result<Spent> {
    let mut probe = Probe::start()?;
    let (gate, token) = (Gate::new(size), CancellationToken::new());
    let inner = gate.clone();
    let top = Toplevel::<BoxError>::new_with_shutdown_token(
        async move |root: &mut SubsystemHandle| {
            for at in 0..size {
                let gate = inner.clone();
                let player = async move |handle: &mut SubsystemHandle| {
                    gate.arrive();
                    handle.on_shutdown_requested().await;
                    Ok::<(), BoxError>(())
                };
                root.start(SubsystemBuilder::new(format!("p{at}"), player));
            }
        },
        token.clone(),
    );
    let playing = tokio::spawn(top.handle_shutdown_requests(PATIENCE));
    gate.wait().await;
    probe.ready()?;
    token.cancel();
    playing.await?.map_err(|error| anyhow!("not a clean end: {error}"))?;
    Ok(probe.done())
}

#[derive(Clone)]
struct Supervised(Gate);

impl SupervisedTask for Supervised {
    async fn run(self, cancel: CancellationToken) -> TaskResult {
        self.0.arrive();
        cancel.cancelled().await;
        Ok(())
    }
}

async fn task_supervisor(size: usize) -> Result<Spent> {
    let mut probe = Probe::start()?;
    let gate = Gate::new(size);
    let mut supervisor = SupervisorBuilder::new().with_stop_timeout(PATIENCE);
    for at in 0..size {
        supervisor = supervisor.with_task(&format!("p{at}"), Supervised(gate.clone()));
    }
    let handle = supervisor.spawn();
    gate.wait().await;
    probe.ready()?;
    handle.shutdown().await?;
    Ok(probe.done())
}
