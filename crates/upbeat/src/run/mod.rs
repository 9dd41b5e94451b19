//! One run of a player: its stop request, its tasks and its record.

pub(crate) mod activity;
pub(crate) mod current;
pub(crate) mod event;
pub(crate) mod record;
pub(crate) mod root;
pub(crate) mod spawn;
pub(crate) mod stealable;
pub(crate) mod stop;
pub(crate) mod wait;

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use tokio::{task::AbortHandle, time::Instant};
use upbeat_probe::{Probe, Watchpoint};
use upbeat_score::{PartId, Readiness};

use self::{
    activity::Activity,
    event::{EventSink, NoSink, RunEvent},
    record::{MissedHeartbeat, RunFailure, RunRecord, RunRecordCell},
    root::RunTokens,
    stop::{RunDone, RunOver, StopSignal, Stopping},
};
use crate::{
    report::player::PlayerReport,
    snapshot::{player::PlayerSnapshot, work::WorkList},
    targets,
    tree::Tree,
};

/// The connection of the runs of one conductor to it, and to the tree.
#[derive(Debug)]
pub(crate) struct Link {
    sink: Box<dyn EventSink>,
    pub(crate) tree: Arc<Tree>,
}

impl Link {
    pub(crate) fn new(tree: Arc<Tree>, sink: impl EventSink + 'static) -> Arc<Self> {
        Arc::new(Self { sink: Box::new(sink), tree })
    }
}

/// One run of a player.
#[derive(Debug)]
pub(crate) struct Run {
    link: Arc<Link>,
    path: Arc<str>,
    part: PartId,
    id: u64,
    attempt: u32,
    /// The number of tasks of this run that are left: the player's own, and those that it spawned.
    live: AtomicU32,
    readiness: Readiness,
    ready_sent: AtomicBool,
    returned_ok: AtomicBool,
    /// Set if tasks that are spawned from now on are to be aborted at once.
    aborted: AtomicBool,
    pub(crate) stop: StopSignal,
    /// The watchpoint of the player's own future.
    pub(crate) watchpoint: Watchpoint,
    /// Empty for most players most of the time, so it takes only a pointer until it is needed.
    record: OnceLock<Box<RunRecordCell>>,
}

impl AsRef<Watchpoint> for Run {
    fn as_ref(&self) -> &Watchpoint {
        &self.watchpoint
    }
}

/// A run that was started, and its task.
#[derive(Debug)]
pub(crate) struct Playing {
    pub(crate) run: Arc<Run>,
    pub(crate) task: AbortHandle,
}

impl Playing {
    /// Aborts the player and the tasks that it has spawned.
    pub(crate) fn abort(&self) {
        self.task.abort();
        self.run.abort_spawned();
    }
}

impl Run {
    pub(crate) fn new(
        link: Arc<Link>,
        path: Arc<str>,
        part: PartId,
        id: u64,
        attempt: u32,
        readiness: Readiness,
    ) -> Arc<Self> {
        Arc::new(Self {
            link,
            path,
            part,
            id,
            attempt,
            live: AtomicU32::new(0),
            readiness,
            ready_sent: AtomicBool::new(false),
            returned_ok: AtomicBool::new(false),
            aborted: AtomicBool::new(false),
            stop: StopSignal::default(),
            watchpoint: Watchpoint::new(),
            record: OnceLock::new(),
        })
    }

    /// Returns a run without a conductor. It is never asked to stop, and never gone.
    pub(crate) fn background() -> Arc<Self> {
        let path: Arc<str> = "background".into();
        let link = Link::new(Tree::new(path.clone()), NoSink);
        let run = Self::new(link, path, PartId::default(), 0, 0, Readiness::Signalled);
        run.live.store(1, Ordering::Relaxed);
        run
    }

    pub(crate) fn path(&self) -> &Arc<str> {
        &self.path
    }

    pub(crate) fn attempt(&self) -> u32 {
        self.attempt
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn tree(&self) -> &Arc<Tree> {
        &self.link.tree
    }

    /// Returns the probe of the player's own task.
    pub(crate) fn probe(self: &Arc<Self>) -> Probe {
        Probe::of(self.clone())
    }

    /// Returns whether the last lease was dropped.
    pub(crate) fn is_gone(&self) -> bool {
        self.live.load(Ordering::Acquire) == 0
    }

    /// Aborts the tasks that the player has spawned, and those that it will spawn.
    pub(crate) fn abort_spawned(&self) {
        self.aborted.store(true, Ordering::Relaxed);
        let Some(cell) = self.record.get() else { return };
        let tasks = std::mem::take(&mut cell.record.lock().spawned);
        for spawned in tasks {
            spawned.task.abort();
        }
    }

    /// Sends that the run is ready, once.
    pub(crate) fn set_ready(&self) {
        if self.ready_sent.swap(true, Ordering::Relaxed) {
            return;
        }
        if self.readiness == Readiness::Signalled {
            self.link.sink.send(RunEvent::Ready { part: self.part, run: self.id });
        } else {
            let player = &self.path;
            tracing::warn!(target: targets::PART, %player, "ready signal without effect, declare the part with signals_ready");
        }
    }

    /// Marks the run as started: the first poll has returned pending.
    pub(crate) fn set_started(&self) {
        if self.readiness == Readiness::AtStart {
            self.link.sink.send(RunEvent::Ready { part: self.part, run: self.id });
        }
    }

    /// Keeps the result of `play`, which has returned or panicked.
    pub(crate) fn returned(&self, result: Result<(), RunFailure>) {
        match result {
            // Relaxed, because the conductor reads it only after the event of the last lease.
            Ok(()) => self.returned_ok.store(true, Ordering::Relaxed),
            Err(failure) => self.with_record(|record| record.failure = Some(failure)),
        }
        self.end(RunOver::Returned);
        if self.live.load(Ordering::Relaxed) > 1 {
            self.link.sink.send(RunEvent::Returned { part: self.part, run: self.id });
        }
    }

    /// Returns whether `play` returned `Ok`. For a run that is gone.
    pub(crate) fn returned_ok(&self) -> bool {
        self.returned_ok.load(Ordering::Relaxed)
    }

    /// Fails the run for a missed heartbeat, and has it stopped.
    pub(crate) fn fail_unresponsive(&self, missed: MissedHeartbeat, restart: bool) {
        self.with_record(|record| record.missed_heartbeat = Some(missed));
        self.link.sink.send(RunEvent::Unresponsive { part: self.part, run: self.id, restart });
    }

    pub(crate) fn set_degraded(&self, degraded: bool) {
        self.link.sink.send(RunEvent::Degraded { part: self.part, run: self.id, degraded });
    }
}

/// The stop, and the tokens of the contexts below the run's own.
impl Run {
    /// Returns the tokens. Makes them if there are none.
    pub(crate) fn tokens(&self) -> Arc<RunTokens> {
        self.with_record(|record| {
            let new = || {
                let tokens = RunTokens::default();
                // If the run ends later, it finds the tokens, under the same lock.
                if self.stop.is_asked() {
                    tokens.stop.cancel();
                }
                if self.stop.stopping().is_some() {
                    tokens.bounded.cancel();
                }
                if self.is_gone() {
                    let _ = tokens.gone_at.set(Instant::now());
                    tokens.gone.cancel();
                }
                Arc::new(tokens)
            };
            record.tokens.get_or_insert_with(new).clone()
        })
    }

    /// Returns the reason for which the run's own context is done.
    pub(crate) fn done(&self) -> Option<RunDone> {
        self.stop.done(|cause| self.with_record(|record| record.share_stop_cause(cause)))
    }

    /// Asks the run to stop, and ends the contexts below its own.
    pub(crate) fn ask_to_stop(&self, stopping: Arc<Stopping>) {
        self.record_stop_time();
        self.stop.request(stopping);
        if let Some(tokens) = self.existing_tokens() {
            tokens.stop.cancel();
            tokens.bounded.cancel();
        }
    }

    /// Ends the contexts of a run that is over, perhaps without a stop request.
    pub(crate) fn end(&self, over: RunOver) {
        self.record_stop_time();
        self.stop.release(over);
        if let Some(tokens) = self.existing_tokens() {
            tokens.stop.cancel();
            if over == RunOver::Gone {
                let _ = tokens.gone_at.set(Instant::now());
                tokens.gone.cancel();
            }
        }
    }

    fn record_stop_time(&self) {
        if self.stop.is_asked() {
            return;
        }
        if let Some(tokens) = self.existing_tokens() {
            let _ = tokens.stopped_at.set(Instant::now());
        }
    }

    /// Returns the tokens. They wake foreign code, so they are canceled without the record's lock.
    fn existing_tokens(&self) -> Option<Arc<RunTokens>> {
        self.record.get()?.record.lock().tokens.clone()
    }
}

/// The record and the activity.
impl Run {
    fn cell(&self) -> &RunRecordCell {
        self.record.get_or_init(Box::default)
    }

    fn with_record<T>(&self, change: impl FnOnce(&mut RunRecord) -> T) -> T {
        change(&mut self.cell().record.lock())
    }

    /// Takes the record of a run that is gone.
    pub(crate) fn take_record(&self) -> Option<RunRecord> {
        Some(std::mem::take(&mut *self.record.get()?.record.lock()))
    }

    pub(crate) fn activity(&self) -> &Activity {
        &self.cell().activity
    }

    pub(crate) fn add_source(&self, list: Arc<dyn Fn(&mut WorkList) + Send + Sync>) {
        self.with_record(|record| record.add_source(list));
    }

    pub(crate) fn set_detail(&self, key: &'static str, value: String) {
        self.with_record(|record| record.set_detail(key, value));
    }

    pub(crate) fn note(&self, line: String) {
        self.with_record(|record| record.add_note(line));
    }

    pub(crate) fn report_lost(&self, line: String) {
        self.with_record(|record| record.add_lost(line));
    }

    /// Keeps the reports of the parts of a nested conductor, and the path of the player that made
    /// it fail.
    pub(crate) fn attach(&self, players: Vec<PlayerReport>, root_cause: Option<Arc<str>>) {
        self.with_record(|record| {
            record.players = players;
            record.root_cause = root_cause;
        });
    }

    /// Keeps the state of the player at its abort.
    pub(crate) fn set_stuck(&self, snapshot: PlayerSnapshot) {
        self.with_record(|record| record.stuck = Some(Box::new(snapshot)));
    }

    /// Lists the open work of the run, by foreign code.
    pub(crate) fn open_work(&self) -> WorkList {
        self.record.get().map(|cell| cell.open_work()).unwrap_or_default()
    }

    /// Enters the state of the run into a snapshot, without its open work.
    pub(crate) fn fill(&self, snapshot: &mut PlayerSnapshot) {
        snapshot.remaining = self.stop.stopping().map(|stop| stop.deadline.saturating_duration_since(Instant::now()));
        if let Some(cell) = self.record.get() {
            cell.fill(snapshot);
        }
    }
}
