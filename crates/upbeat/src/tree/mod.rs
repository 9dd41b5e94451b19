//! What all conductors that are nested in each other share.

pub(crate) mod lookup;
pub(crate) mod overview;

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{sync::watch, task::JoinHandle, time::timeout};

use crate::{process::guard::Guard, supervisor::state::Shared};

/// What all conductors that are nested in each other share.
#[derive(Debug)]
pub(crate) struct Tree {
    /// By path, those that play now.
    conductors: Mutex<HashMap<Arc<str>, Weak<Shared>>>,
    reloads: watch::Sender<u64>,
    /// Counts changes of any state.
    changes: watch::Sender<u64>,
    /// The path of the outermost conductor.
    root: Arc<str>,
    guard: Mutex<Option<Guard>>,
    /// Those who find out where something was stuck, for the report.
    finding_out: Mutex<Vec<JoinHandle<()>>>,
}

/// How long the report waits for them. Names that take longer are missing in it.
const FIND_OUT: Duration = Duration::from_millis(400);

impl Tree {
    pub(crate) fn new(root: Arc<str>) -> Arc<Self> {
        Arc::new(Self {
            conductors: Mutex::default(),
            reloads: watch::Sender::new(0),
            changes: watch::Sender::new(0),
            root,
            guard: Mutex::new(None),
            finding_out: Mutex::default(),
        })
    }

    /// A task finds out where something was stuck.
    pub(crate) fn finding_out(&self, task: JoinHandle<()>) {
        self.finding_out.lock().push(task);
    }

    /// Waits a little until it is known where everything was stuck.
    pub(crate) async fn found_out(&self) {
        let tasks = std::mem::take(&mut *self.finding_out.lock());
        let all = async {
            for task in tasks {
                // It is not a player's code, and nobody aborts it.
                let _ = task.await;
            }
        };
        let _ = timeout(FIND_OUT, all).await;
    }

    pub(crate) fn enter(&self, shared: &Arc<Shared>) {
        self.conductors.lock().insert(shared.path.clone(), Arc::downgrade(shared));
    }

    pub(crate) fn leave(&self, path: &str) {
        self.conductors.lock().remove(path);
        self.changed();
    }

    pub(crate) fn find(&self, path: &str) -> Option<Arc<Shared>> {
        self.conductors.lock().get(path)?.upgrade()
    }

    /// All conductors that play.
    pub(crate) fn all(&self) -> Vec<Arc<Shared>> {
        self.conductors.lock().values().filter_map(Weak::upgrade).collect()
    }

    pub(crate) fn root(&self) -> Option<Arc<Shared>> {
        self.find(&self.root)
    }

    pub(crate) fn root_path(&self) -> &Arc<str> {
        &self.root
    }

    pub(crate) fn set_guard(&self, guard: Guard) {
        *self.guard.lock() = Some(guard);
    }

    pub(crate) fn take_guard(&self) -> Option<Guard> {
        self.guard.lock().take()
    }

    /// The outermost conductor begins to stop.
    pub(crate) fn stopping(&self) {
        if let Some(guard) = &*self.guard.lock() {
            guard.stopping();
        }
        self.changed();
    }

    /// The outermost conductor aborts everything, because of a second signal.
    pub(crate) fn aborting(&self, exit_code: u8) {
        if let Some(guard) = &*self.guard.lock() {
            guard.aborting(exit_code);
        }
    }

    pub(crate) fn reload(&self) {
        self.reloads.send_modify(|count| *count += 1);
    }

    pub(crate) fn reloads(&self) -> watch::Receiver<u64> {
        self.reloads.subscribe()
    }

    pub(crate) fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}
