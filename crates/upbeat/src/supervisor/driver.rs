//! The control loop: performs what the machine of `upbeat-score` decides, and tells it what came of it. It never awaits a player.

use std::{pin::pin, sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    task::AbortHandle,
    time::{Instant, sleep_until},
};
use upbeat_score::{Action, Budget, Cause as ScoreCause, Event, PartId, PartState, RunEnd, StopReason};

use super::{
    overrun::{Late, MAX_LATE_PROBED, abort_late},
    request::Request,
    state::{Shared, Stage},
    stop_log, watchdog,
};
use crate::{
    context::Context,
    display::human,
    instant::later,
    report::{failure::Cause, player::PlayerReport},
    run::{Playing, Run, event::Notice, stop::Stopping},
    stop_cause::StopCause,
    tree::overview::Overview,
};

/// How many notices are taken at once.
const BATCH: usize = 256;

/// Aborts whatever is left when the control loop is dropped: nothing outlives its conductor.
struct AbortAllOnDrop<'a>(&'a Shared);

impl Drop for AbortAllOnDrop<'_> {
    fn drop(&mut self) {
        let left: Vec<_> = {
            let mut stage = self.0.stage.lock();
            stage.records.iter_mut().filter_map(|record| record.playing.take()).collect()
        };
        left.iter().for_each(Playing::abort);
        self.0.link.tree.leave(&self.0.path);
    }
}

/// How one conductor's playing ended.
pub(crate) struct Played {
    pub(crate) cause: Cause,
    pub(crate) players: Vec<PlayerReport>,
    /// When the stop began.
    pub(crate) stopped_at: Option<Duration>,
    pub(crate) took: Duration,
}

impl Played {
    /// Nothing was started.
    pub(crate) fn nothing(cause: Cause) -> Self {
        Self { cause, players: Vec::new(), stopped_at: None, took: Duration::ZERO }
    }
}

/// Plays to the end. `parent` is the context of a nested conductor.
pub(crate) async fn play(
    shared: &Arc<Shared>,
    mut notices: mpsc::UnboundedReceiver<Notice>,
    stop_timeout: Duration,
    parent: Option<&Context>,
) -> Played {
    shared.link.tree.enter(shared);
    let _guard = AbortAllOnDrop(shared);
    let mut driver = Driver {
        shared,
        parent,
        stop_timeout,
        stopped_at: None,
        seen_stopping: false,
        said_ready: false,
        last_stop: None,
    };
    // Nothing is started if a stop was asked for even before the start.
    let asked_early = shared.cause.get().is_some();
    let first = if asked_early { Event::StopAll { budget: None } } else { Event::Begin };
    let mut finished = driver.event(first, shared.now());
    let mut batch = Vec::with_capacity(BATCH);
    let mut armed_for = None;
    let mut alarm = pin!(sleep_until(Instant::now()));
    let asked = async {
        match parent {
            Some(parent) => parent.stopping().await,
            None => std::future::pending().await,
        }
    };
    let mut asked = pin!(asked);
    let mut passed_on = false;
    // Set by the stop of everything: one that takes less needs no explanation, and no task to give it.
    let mut patience = pin!(sleep_until(Instant::now()));
    let mut door = Door::Closed;
    while !finished {
        let wakeup = shared.stage.lock().machine.poll_timeout();
        if wakeup != armed_for {
            armed_for = wakeup;
            if let Some(at) = wakeup.and_then(|at| shared.epoch.checked_add(at)) {
                alarm.as_mut().reset(at);
            }
        }
        if let (Door::Closed, Some(_), None) = (&door, driver.stopped_at, parent) {
            patience.as_mut().reset(Instant::now() + stop_log::EVERY);
            door = Door::Patient;
        }
        // Once for all that came of one wake-up: whoever watches looks at everything anew each time.
        shared.link.tree.changed();
        finished = tokio::select! {
            biased;
            () = &mut asked, if !passed_on => {
                passed_on = true;
                driver.stop_with_parent()
            }
            _ = notices.recv_many(&mut batch, BATCH) => driver.notices(&mut batch),
            () = &mut alarm, if armed_for.is_some() => {
                armed_for = None;
                driver.timeout(shared.now())
            }
            () = &mut patience, if matches!(door, Door::Patient) => {
                let watch = stop_log::watch(Overview::new(shared.link.tree.clone()));
                door = Door::Watched { _task: AbortOnDrop(tokio::spawn(watch).abort_handle()) };
                false
            }
        };
    }
    driver.played()
}

struct Driver<'a> {
    shared: &'a Arc<Shared>,
    parent: Option<&'a Context>,
    stop_timeout: Duration,
    stopped_at: Option<Duration>,
    seen_stopping: bool,
    said_ready: bool,
    last_stop: Option<Arc<Stopping>>,
}

/// Who says who is still there while everything stops.
enum Door {
    /// Nothing stops.
    Closed,
    /// Nobody yet.
    Patient,
    Watched {
        _task: AbortOnDrop,
    },
}

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Driver<'_> {
    /// The parent asks to stop: with its cause, and inside what it has left.
    fn stop_with_parent(&mut self) -> bool {
        let Some(parent) = self.parent else { return false };
        let left = parent.remaining().unwrap_or(Duration::MAX);
        let _ = self.shared.cause.set(parent.stop_cause().unwrap_or(StopCause::Requested));
        let budget = Budget::nested(self.stop_timeout, left);
        self.event(Event::StopAll { budget: Some(budget) }, self.shared.now())
    }

    fn notices(&mut self, batch: &mut Vec<Notice>) -> bool {
        let now = self.shared.now();
        let mut finished = false;
        for notice in batch.drain(..) {
            finished |= match notice {
                Notice::Ready { part, run } => self.event(Event::Ready { part, run }, now),
                Notice::Leaving { part, run } => self.event(Event::Returned { part, run }, now),
                Notice::Unresponsive { part, run, restart } => {
                    self.event(Event::Unresponsive { part, run, restart }, now)
                }
                Notice::Degraded { part, run, degraded } => self.event(Event::Degraded { part, run, degraded }, now),
                Notice::Ended { part, run } => self.ended(part, run, now),
                Notice::Request(request) => self.request(*request, now),
            };
        }
        finished
    }

    fn timeout(&mut self, now: Duration) -> bool {
        let mut stage = self.shared.stage.lock();
        let actions = stage.machine.handle_timeout(now);
        self.perform(&mut stage, actions, now)
    }

    fn event(&mut self, event: Event, now: Duration) -> bool {
        let mut stage = self.shared.stage.lock();
        let actions = stage.machine.handle_event(event, now);
        if let Event::Ready { part, .. } = event
            && stage.machine.state(part) == PartState::Ready
        {
            let record = &stage.records[part.index()];
            tracing::debug!(player = %record.path, "ready");
            if let (Some(dog), Some(playing)) = (stage.watchdogs.get(&part), &record.playing) {
                tokio::spawn(watchdog::watch(playing.clone(), *dog));
            }
        }
        self.perform(&mut stage, actions, now)
    }

    /// A run is gone: keeps what it leaves behind, and tells the machine how it ended.
    fn ended(&mut self, part: PartId, run: u64, now: Duration) -> bool {
        let mut stage = self.shared.stage.lock();
        let record = stage.record(part);
        // A leaked run of a removed part may come to its end when another already has its place.
        let how = match record.playing.take_if(|playing| playing.run.id() == run) {
            Some(playing) => record.settle(&playing.run),
            None => RunEnd::Aborted,
        };
        drop(stage);
        self.event(Event::Ended { part, run, how }, now)
    }

    fn request(&mut self, request: Request, now: Duration) -> bool {
        let mut stage = self.shared.stage.lock();
        let actions = stage.operate(&self.shared.path, request, now);
        self.perform(&mut stage, actions, now)
    }

    /// Does what the machine decided. Returns whether all is over.
    fn perform(&mut self, stage: &mut Stage, actions: Vec<Action>, now: Duration) -> bool {
        if stage.machine.is_stopping() && !self.seen_stopping {
            self.seen_stopping = true;
            self.stopped_at = Some(now);
            let cause = match stage.machine.cause() {
                Some(ScoreCause::Failed(part)) => StopCause::Failed(stage.record(part).path.clone()),
                Some(ScoreCause::EndedBy(part)) => StopCause::EndedBy(stage.record(part).path.clone()),
                Some(ScoreCause::Requested) => StopCause::Requested,
                Some(ScoreCause::AllDone) | None => StopCause::Done,
            };
            let cause = self.shared.cause.get_or_init(|| cause);
            if self.parent.is_none() {
                self.shared.link.tree.stopping();
            }
            if !stage.machine.is_finished() {
                tracing::info!(player = %self.shared.path, "stopping: {cause}");
            }
        }
        if !self.said_ready && stage.machine.all_ready() {
            self.said_ready = true;
            tracing::info!(player = %self.shared.path, "all ready after {}", human(now));
            if let Some(parent) = self.parent {
                parent.ready();
            }
        }
        let mut finished = false;
        let mut late = Vec::new();
        for action in actions {
            match action {
                Action::Start { part, run, attempt } => self.start(stage, part, run, attempt),
                Action::Stop { part, deadline, reason, .. } => self.stop(stage, part, deadline, reason),
                Action::Abort { part, .. } => {
                    if let Some(playing) = stage.record(part).playing.clone() {
                        if stage.machine.overran(part) && late.len() < MAX_LATE_PROBED {
                            let mut doing = stage.snapshot(part, now);
                            // A conductor waits for its players, who have been asked already.
                            doing.probe.take_if(|_| self.shared.link.tree.find(&doing.path).is_some());
                            late.push(Late { playing, doing });
                        } else {
                            tracing::warn!(player = %playing.run.path(), "aborted");
                            playing.abort();
                        }
                    }
                }
                Action::Retry { part, at } => {
                    let record = stage.record(part);
                    let why = record.last_failure().unwrap_or_else(|| "it ended".to_owned());
                    let after = at.saturating_sub(now);
                    tracing::warn!(player = %record.path, "restarting in {}: {why}", human(after));
                }
                Action::Over { part, end } => stage.over(part, end),
                Action::Finished => finished = true,
            }
        }
        if !late.is_empty() {
            self.shared.link.tree.finding_out(tokio::spawn(abort_late(late)));
        }
        finished
    }

    fn start(&self, stage: &mut Stage, part: PartId, run: u64, attempt: u32) {
        let link = self.shared.link.clone();
        let readiness = stage.machine.readiness(part);
        let record = stage.record(part);
        let run = Run::new(link, record.path.clone(), part, run, attempt, readiness);
        tracing::debug!(player = %record.path, attempt, "starting");
        record.playing = Some(record.player.clone().start(&run));
    }

    fn stop(&mut self, stage: &mut Stage, part: PartId, deadline: Duration, reason: StopReason) {
        let cause = match reason {
            StopReason::All => self.shared.cause.get().cloned().unwrap_or(StopCause::Requested),
            StopReason::Requested => StopCause::PartStopped,
            StopReason::Restart => StopCause::PartRestarted,
            StopReason::NotReady => StopCause::NotReady,
            StopReason::Unresponsive => StopCause::Unresponsive,
            StopReason::With(other) => StopCause::RestartWith(stage.record(other).path.clone()),
        };
        if let Some(playing) = &stage.record(part).playing {
            let run = &playing.run;
            tracing::debug!(player = %run.path(), "asked to stop: {cause}");
            // A look, so that the time inside of a poll that blocks its thread is counted from here on.
            playing.probe().busy();
            let deadline = later(self.shared.epoch, deadline);
            let stopping = Stopping { deadline, cause };
            // Those that are told together share it.
            let shared = self.last_stop.take().filter(|last| **last == stopping).unwrap_or_else(|| Arc::new(stopping));
            run.ask_to_stop(shared.clone());
            self.last_stop = Some(shared);
        }
    }

    fn played(self) -> Played {
        let took = self.shared.now();
        let mut stage = self.shared.stage.lock();
        let cause = match stage.machine.cause() {
            Some(ScoreCause::Failed(part)) => Cause::Failed { path: stage.root_cause(part) },
            Some(ScoreCause::AllDone) | None => Cause::AllDone,
            Some(ScoreCause::Requested | ScoreCause::EndedBy(_)) => {
                Cause::Stopped(self.shared.cause.get().cloned().unwrap_or(StopCause::Requested))
            }
        };
        let parts: Vec<_> = stage.machine.parts().collect();
        let mut players = Vec::with_capacity(parts.len());
        for part in parts {
            let report = stage.report(part);
            let optional = report.optional;
            players.push(report);
            if let Some(history) = &mut stage.record(part).history {
                // What is inside of something optional is optional too.
                let nested = history.players.drain(..);
                players.extend(nested.map(|player| PlayerReport { optional: player.optional || optional, ..player }));
            }
        }
        Played { cause, players, stopped_at: self.stopped_at, took }
    }
}
