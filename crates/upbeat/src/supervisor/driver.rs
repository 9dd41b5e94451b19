//! The control loop: it performs the actions of the machine of `upbeat-score`, and returns events
//! to it. It never awaits a player.

use std::{pin::pin, sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
use upbeat_score::{Action, Budget, Cause as ScoreCause, Event, PartId, PartState, RunEnd, StopReason};

use super::{
    convert::{stop_cause_of_all, stop_cause_of_part},
    overrun::{MAX_PROBED, Overrun, abort_overrun},
    request::{Message, Request},
    state::{Supervisor, SupervisorState},
    stop_log::StopLog,
    watchdog,
};
use crate::{
    context::Context,
    display::millis,
    instant::later,
    report::{failure::Cause, player::PlayerReport},
    run::{Playing, Run, event::RunEvent, stop::Stopping},
    stop_cause::StopCause,
    targets,
    tree::overview::Overview,
};

/// The number of messages that are taken at once.
const BATCH: usize = 256;

/// Aborts all runs when the control loop is dropped: nothing outlives its conductor.
struct AbortAllOnDrop<'a>(&'a Supervisor);

impl Drop for AbortAllOnDrop<'_> {
    fn drop(&mut self) {
        let left: Vec<_> = {
            let mut state = self.0.state.lock();
            state.parts.iter_mut().filter_map(|part| part.playing.take()).collect()
        };
        left.iter().for_each(Playing::abort);
        self.0.link.tree.leave(&self.0.path);
    }
}

/// The end of one conductor's play.
pub(crate) struct Played {
    pub(crate) cause: Cause,
    pub(crate) players: Vec<PlayerReport>,
    /// The time at which the stop began.
    pub(crate) stopped_at: Option<Duration>,
    pub(crate) took: Duration,
}

impl Played {
    /// Returns the end of a play in which nothing was started.
    pub(crate) fn nothing(cause: Cause) -> Self {
        Self { cause, players: Vec::new(), stopped_at: None, took: Duration::ZERO }
    }
}

/// Plays to the end. `parent` is the context of a nested conductor.
pub(crate) async fn play(
    supervisor: &Arc<Supervisor>,
    mut messages: mpsc::UnboundedReceiver<Message>,
    stop_timeout: Duration,
    parent: Option<&Context>,
) -> Played {
    supervisor.link.tree.enter(supervisor);
    let _guard = AbortAllOnDrop(supervisor);
    let mut driver = Driver {
        supervisor,
        parent,
        stop_timeout,
        stopped_at: None,
        stop_log: None,
        stop_logged: false,
        ready_logged: false,
        last_stop: None,
    };
    // If a stop was requested before the start, nothing is started.
    let early_stop = supervisor.cause.get().is_some();
    let first = if early_stop { Event::StopAll { budget: None } } else { Event::Begin };
    let mut finished = driver.event(first, supervisor.now());
    let mut batch = Vec::with_capacity(BATCH);
    let mut armed_for = None;
    let mut alarm = pin!(sleep_until(Instant::now()));
    let parent_stop = async {
        match parent {
            Some(parent) => parent.stopping().await,
            None => std::future::pending().await,
        }
    };
    let mut parent_stop = pin!(parent_stop);
    let mut parent_stopped = false;
    while !finished {
        let wakeup = supervisor.state.lock().machine.poll_timeout();
        if wakeup != armed_for {
            armed_for = wakeup;
            if let Some(at) = wakeup.and_then(|at| supervisor.epoch.checked_add(at)) {
                alarm.as_mut().reset(at);
            }
        }
        // Once for all messages of one wake-up, because a watcher looks at everything again each
        // time.
        supervisor.link.tree.changed();
        finished = tokio::select! {
            biased;
            () = &mut parent_stop, if !parent_stopped => {
                parent_stopped = true;
                driver.stop_with_parent()
            }
            _ = messages.recv_many(&mut batch, BATCH) => driver.messages(&mut batch),
            () = &mut alarm, if armed_for.is_some() => {
                armed_for = None;
                driver.timeout(supervisor.now())
            }
        };
    }
    driver.played()
}

struct Driver<'a> {
    supervisor: &'a Arc<Supervisor>,
    parent: Option<&'a Context>,
    stop_timeout: Duration,
    stopped_at: Option<Duration>,
    /// Set while the outermost conductor stops.
    stop_log: Option<StopLog>,
    stop_logged: bool,
    ready_logged: bool,
    last_stop: Option<Arc<Stopping>>,
}

impl Driver<'_> {
    /// Stops with the parent: with its cause, and within the time that it has left.
    fn stop_with_parent(&mut self) -> bool {
        let Some(parent) = self.parent else { return false };
        let left = parent.remaining().unwrap_or(Duration::MAX);
        let _ = self.supervisor.cause.set(parent.stop_cause().unwrap_or(StopCause::Requested));
        let budget = Budget::nested(self.stop_timeout, left);
        self.event(Event::StopAll { budget: Some(budget) }, self.supervisor.now())
    }

    fn messages(&mut self, batch: &mut Vec<Message>) -> bool {
        let now = self.supervisor.now();
        let mut finished = false;
        for message in batch.drain(..) {
            finished |= match message {
                Message::Event(event) => self.run_event(event, now),
                Message::Request(request) => self.request(*request, now),
            };
        }
        finished
    }

    fn run_event(&mut self, event: RunEvent, now: Duration) -> bool {
        match event {
            RunEvent::Ready { part, run } => self.event(Event::Ready { part, run }, now),
            RunEvent::Returned { part, run } => self.event(Event::Returned { part, run }, now),
            RunEvent::Unresponsive { part, run, restart } => {
                self.event(Event::Unresponsive { part, run, restart }, now)
            }
            RunEvent::Degraded { part, run, degraded } => self.event(Event::Degraded { part, run, degraded }, now),
            RunEvent::Ended { part, run } => self.ended(part, run, now),
        }
    }

    fn timeout(&mut self, now: Duration) -> bool {
        let mut state = self.supervisor.state.lock();
        let actions = state.machine.handle_timeout(now);
        self.perform(&mut state, actions, now)
    }

    fn event(&mut self, event: Event, now: Duration) -> bool {
        let mut state = self.supervisor.state.lock();
        let actions = state.machine.handle_event(event, now);
        if let Event::Ready { part, .. } = event
            && state.machine.state(part) == PartState::Ready
        {
            let entry = state.part(part);
            tracing::debug!(target: targets::PART, player = %entry.path, "part ready");
            if let (Some(watchdog), Some(playing)) = (state.watchdogs.get(&part), &entry.playing) {
                tokio::spawn(watchdog::watch(playing.clone(), *watchdog));
            }
        }
        self.perform(&mut state, actions, now)
    }

    /// Keeps the record of a run that is gone, and reports its end to the machine.
    fn ended(&mut self, part: PartId, run: u64, now: Duration) -> bool {
        let mut state = self.supervisor.state.lock();
        let entry = state.part_mut(part);
        // A leaked run of a removed part may end when another part already has its index.
        let how = match entry.playing.take_if(|playing| playing.run.id() == run) {
            Some(playing) => entry.settle(&playing.run),
            None => RunEnd::Aborted,
        };
        drop(state);
        self.event(Event::Ended { part, run, how }, now)
    }

    fn request(&mut self, request: Request, now: Duration) -> bool {
        let mut state = self.supervisor.state.lock();
        let actions = state.operate(&self.supervisor.path, request, now);
        self.perform(&mut state, actions, now)
    }

    /// Performs the actions of the machine. Returns whether everything has ended.
    fn perform(&mut self, state: &mut SupervisorState, actions: Vec<Action>, now: Duration) -> bool {
        if state.machine.is_stopping() && !self.stop_logged {
            self.stop_logged = true;
            self.begin_stop(state, now);
        }
        if !self.ready_logged && state.machine.all_ready() {
            self.ready_logged = true;
            let player = &self.supervisor.path;
            tracing::info!(target: targets::CONDUCTOR, %player, elapsed_ms = millis(now), "all ready");
            if let Some(parent) = self.parent {
                parent.ready();
            }
        }
        let mut finished = false;
        let mut overrun = Vec::new();
        for action in actions {
            match action {
                Action::Start { part, run, attempt } => self.start(state, part, run, attempt),
                Action::Stop { part, deadline, reason, .. } => self.stop(state, part, deadline, reason),
                Action::Abort { part, .. } => self.abort(state, part, now, &mut overrun),
                Action::Retry { part, at } => {
                    let entry = state.part(part);
                    let error = entry.last_failure();
                    let delay_ms = millis(at.saturating_sub(now));
                    tracing::warn!(target: targets::PART, player = %entry.path, delay_ms, error, "restarting part");
                }
                Action::Over { part, end } => state.over(part, end),
                Action::Finished => finished = true,
            }
        }
        if !overrun.is_empty() {
            self.supervisor.link.tree.add_prober(tokio::spawn(abort_overrun(overrun)));
        }
        finished
    }

    fn begin_stop(&mut self, state: &SupervisorState, now: Duration) {
        self.stopped_at = Some(now);
        let cause = || stop_cause_of_all(state.machine.cause(), |part| state.path(part));
        let cause = self.supervisor.cause.get_or_init(cause);
        if self.parent.is_none() {
            self.supervisor.link.tree.stopping();
        }
        if !state.machine.is_finished() {
            tracing::info!(target: targets::CONDUCTOR, player = %self.supervisor.path, %cause, "stopping");
            if self.parent.is_none() {
                self.stop_log = Some(StopLog::start(Overview::new(self.supervisor.link.tree.clone())));
            }
        }
    }

    fn start(&self, state: &mut SupervisorState, part: PartId, run: u64, attempt: u32) {
        let link = self.supervisor.link.clone();
        let readiness = state.machine.readiness(part);
        let entry = state.part_mut(part);
        let run = Run::new(link, entry.path.clone(), part, run, attempt, readiness);
        tracing::debug!(target: targets::PART, player = %entry.path, attempt, "starting part");
        entry.playing = Some(entry.player.clone().start(&run));
    }

    fn stop(&mut self, state: &SupervisorState, part: PartId, deadline: Duration, reason: StopReason) {
        let Some(playing) = &state.part(part).playing else { return };
        let cause = stop_cause_of_part(reason, self.supervisor.cause.get(), |other| state.path(other));
        let run = &playing.run;
        tracing::debug!(target: targets::PART, player = %run.path(), %cause, "stopping part");
        // From here on the time inside a poll that blocks its thread is measured.
        playing.probe().busy();
        let stopping = Stopping { deadline: later(self.supervisor.epoch, deadline), cause };
        // Shared by all runs that are asked to stop together.
        let shared = self.last_stop.take().filter(|last| **last == stopping).unwrap_or_else(|| Arc::new(stopping));
        run.ask_to_stop(shared.clone());
        self.last_stop = Some(shared);
    }

    fn abort(&self, state: &SupervisorState, part: PartId, now: Duration, overrun: &mut Vec<Overrun>) {
        let Some(playing) = state.part(part).playing.clone() else { return };
        if state.machine.overran(part) && overrun.len() < MAX_PROBED {
            let mut snapshot = state.snapshot(part, now);
            // A conductor waits for its players, which are probed themselves.
            snapshot.probe.take_if(|_| self.supervisor.link.tree.find(&snapshot.path).is_some());
            overrun.push(Overrun { playing, snapshot });
        } else {
            tracing::warn!(target: targets::PART, player = %playing.run.path(), "part aborted");
            playing.abort();
        }
    }

    fn played(self) -> Played {
        let took = self.supervisor.now();
        let mut state = self.supervisor.state.lock();
        let cause = match state.machine.cause() {
            Some(ScoreCause::Failed(part)) => Cause::Failed { path: state.root_cause(part) },
            Some(ScoreCause::AllDone) | None => Cause::AllDone,
            Some(ScoreCause::Requested | ScoreCause::EndedBy(_)) => {
                Cause::Stopped(self.supervisor.cause.get().cloned().unwrap_or(StopCause::Requested))
            }
        };
        let parts: Vec<_> = state.machine.parts().collect();
        let mut players = Vec::with_capacity(parts.len());
        for part in parts {
            let report = state.report(part);
            let optional = report.optional;
            players.push(report);
            if let Some(history) = &mut state.part_mut(part).history {
                // The players inside an optional part are optional too.
                let nested = history.players.drain(..);
                players.extend(nested.map(|player| PlayerReport { optional: player.optional || optional, ..player }));
            }
        }
        Played { cause, players, stopped_at: self.stopped_at, took }
    }
}
