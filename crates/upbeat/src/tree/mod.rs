//! The state that all conductors nested in each other share.

pub(crate) mod instances;
pub(crate) mod lookup;
pub(crate) mod node;
pub(crate) mod overview;
pub(crate) mod player_id;

use std::{
    collections::HashMap,
    sync::{Arc, Weak, mpsc},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{sync::watch, task::JoinHandle, time::timeout};

use self::{instances::Instances, node::Node};

/// The state that all conductors nested in each other share.
#[derive(Debug)]
pub(crate) struct Tree {
    /// The conductors that play now, by path.
    conductors: Mutex<HashMap<Arc<str>, Weak<dyn Node>>>,
    /// The shared players of all conductors.
    instances: Instances,
    reloads: watch::Sender<u64>,
    /// Counts changes of any state.
    changes: watch::Sender<u64>,
    /// The path of the outermost conductor.
    root: Arc<str>,
    stop_events: Mutex<Option<mpsc::Sender<StopEvent>>>,
    /// The tasks that find out where something was stuck, for the report.
    probers: Mutex<Vec<JoinHandle<()>>>,
}

/// A step of the stop of the whole tree.
#[derive(Debug)]
pub(crate) enum StopEvent {
    /// The stop has begun.
    Stopping,
    /// Everything is being aborted because of a second signal.
    Aborting { exit_code: u8 },
    /// All conductors have ended, and something was killed. The report is for the case that `main`
    /// does not get to print it.
    Ended { report: String, exit_code: u8 },
}

/// The time for which the report waits for the probers. Locations that take longer are missing.
const PROBERS_TIMEOUT: Duration = Duration::from_millis(400);

impl Tree {
    pub(crate) fn new(root: Arc<str>) -> Arc<Self> {
        Arc::new(Self {
            conductors: Mutex::default(),
            instances: Instances::default(),
            reloads: watch::Sender::new(0),
            changes: watch::Sender::new(0),
            root,
            stop_events: Mutex::default(),
            probers: Mutex::default(),
        })
    }

    /// Adds a task that finds out where something was stuck.
    pub(crate) fn add_prober(&self, task: JoinHandle<()>) {
        self.probers.lock().push(task);
    }

    /// Waits until it is known where everything was stuck, for a limited time.
    pub(crate) async fn wait_probers(&self) {
        let tasks = std::mem::take(&mut *self.probers.lock());
        let all = async {
            for task in tasks {
                // No player's code, and never aborted.
                let _ = task.await;
            }
        };
        let _ = timeout(PROBERS_TIMEOUT, all).await;
    }

    pub(crate) fn enter<N: Node>(&self, node: &Arc<N>) {
        let weak: Weak<N> = Arc::downgrade(node);
        self.conductors.lock().insert(node.path().clone(), weak);
    }

    pub(crate) fn leave(&self, path: &str) {
        self.conductors.lock().remove(path);
        self.changed();
    }

    pub(crate) fn find(&self, path: &str) -> Option<Arc<dyn Node>> {
        self.conductors.lock().get(path)?.upgrade()
    }

    /// Returns the shared players of all conductors.
    pub(crate) fn instances(&self) -> &Instances {
        &self.instances
    }

    /// Returns all conductors that play.
    pub(crate) fn all(&self) -> Vec<Arc<dyn Node>> {
        self.conductors.lock().values().filter_map(Weak::upgrade).collect()
    }

    pub(crate) fn root(&self) -> Option<Arc<dyn Node>> {
        self.find(&self.root)
    }

    pub(crate) fn root_path(&self) -> &Arc<str> {
        &self.root
    }

    /// Has the steps of the stop sent to a receiver.
    pub(crate) fn subscribe_stop(&self, events: mpsc::Sender<StopEvent>) {
        *self.stop_events.lock() = Some(events);
    }

    /// Returns the way to the receiver of the steps of the stop. None are sent from now on.
    pub(crate) fn unsubscribe_stop(&self) -> Option<mpsc::Sender<StopEvent>> {
        self.stop_events.lock().take()
    }

    /// The outermost conductor begins to stop.
    pub(crate) fn stopping(&self) {
        self.send(StopEvent::Stopping);
        self.changed();
    }

    /// The outermost conductor aborts everything, because of a second signal.
    pub(crate) fn aborting(&self, exit_code: u8) {
        self.send(StopEvent::Aborting { exit_code });
    }

    fn send(&self, event: StopEvent) {
        if let Some(events) = &*self.stop_events.lock() {
            // The receiver is gone only if it has ended the process.
            let _ = events.send(event);
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
