//! Calls that wait at a gate, and values that count themselves.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::{
    sync::Notify,
    task::{JoinHandle, yield_now},
};
use upbeat::monitor::{CallError, Monitor};

pub(crate) const S: Duration = Duration::from_secs(1);

/// Begins a call and lets it run until it waits.
pub(crate) async fn begin<F>(
    monitor: &Monitor,
    name: &'static str,
    future: F,
) -> JoinHandle<Result<F::Output, CallError>>
where
    F: Future<Output: Send> + Send + 'static,
{
    let monitor = monitor.clone();
    let call = tokio::spawn(async move { monitor.call(name, future).await });
    settle().await;
    call
}

pub(crate) async fn settle() {
    for _ in 0..20 {
        yield_now().await;
    }
}

/// Waits for an effect of another thread.
pub(crate) async fn until(mut holds: impl FnMut() -> bool) {
    while !holds() {
        yield_now().await;
    }
}

/// The line of the `await` of [`open_gate`].
pub(crate) const GATE: u32 = line!() + 3;

pub(crate) async fn open_gate(gate: Arc<Notify>) -> u32 {
    gate.notified().await;
    7
}

/// A value that counts its instances.
pub(crate) struct Counted(Arc<AtomicUsize>);

impl Counted {
    pub(crate) fn new(live: &Arc<AtomicUsize>) -> Self {
        live.fetch_add(1, SeqCst);
        Self(live.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

pub(crate) struct PanicsInDrop;

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        panic!("and another thing");
    }
}
