//! The state that all conductors nested in each other share.

pub(crate) mod instances;
pub(crate) mod lookup;
pub(crate) mod node;
pub(crate) mod overview;
pub(crate) mod player_id;

use std::{
    collections::HashMap,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
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
    /// The tasks of the library beside the control loops: those that find out where something was
    /// stuck, those that log, and the watchdogs.
    helpers: Mutex<Vec<JoinHandle<()>>>,
    /// Whether a player has subscribed to reloads.
    has_reloads: AtomicBool,
}

/// A step of the stop of the whole tree.
#[derive(Debug)]
pub(crate) enum StopEvent {
    /// The stop has begun.
    Stopping,
    /// Everything is being aborted because of a second signal.
    Aborting { exit_code: u8 },
    /// All conductors have ended, and something may hold the runtime. The report is for the case
    /// that `main` does not get to print it.
    Ended { report: Option<String>, exit_code: u8 },
}

/// The time for which the report waits for the helpers. Locations that take longer are missing.
const HELPERS_TIMEOUT: Duration = Duration::from_millis(400);

impl Tree {
    pub(crate) fn new(root: Arc<str>) -> Arc<Self> {
        Arc::new(Self {
            conductors: Mutex::default(),
            instances: Instances::default(),
            reloads: watch::Sender::new(0),
            changes: watch::Sender::new(0),
            root,
            stop_events: Mutex::default(),
            helpers: Mutex::default(),
            has_reloads: AtomicBool::new(false),
        })
    }

    /// Adds a task of the library that ends with the play.
    pub(crate) fn add_helper(&self, task: JoinHandle<()>) {
        let mut helpers = self.helpers.lock();
        // Only when it is full, so that each addition need not look at all others.
        if helpers.len() == helpers.capacity() {
            helpers.retain(|helper| !helper.is_finished());
            let room = helpers.len() + 4;
            helpers.reserve(room);
        }
        helpers.push(task);
    }

    /// Waits until it is known where everything was stuck, and until the other helpers have ended,
    /// for a limited time. Returns whether they have.
    pub(crate) async fn wait_helpers(&self) -> bool {
        let tasks = std::mem::take(&mut *self.helpers.lock());
        let all = async {
            for task in tasks {
                // No player's code. The stop log is aborted.
                let _ = task.await;
            }
        };
        timeout(HELPERS_TIMEOUT, all).await.is_ok()
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
        self.has_reloads.store(true, Ordering::Relaxed);
        self.reloads.subscribe()
    }

    /// Returns whether a player has ever subscribed to reloads.
    pub(crate) fn has_reloads(&self) -> bool {
        self.has_reloads.load(Ordering::Relaxed)
    }

    pub(crate) fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}
