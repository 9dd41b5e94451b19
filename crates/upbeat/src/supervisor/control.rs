//! The control of a conductor by its handles and by signals, before, during and after its play.

use std::{
    sync::{Arc, OnceLock, Weak},
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use super::{request::Request, state::Supervisor};
use crate::{exit_code, signal::Signal, stop_cause::StopCause, tree::Tree};

/// The time in which the same signal again is the same wish: npm, `timeout` and others pass on a
/// copy of a signal that the terminal sends to all.
const SAME_WISH: Duration = Duration::from_millis(500);

/// The state that a conductor shares with its handles and with the signal handlers.
#[derive(Debug)]
pub(crate) struct Control {
    tree: Arc<Tree>,
    state: Mutex<State>,
    /// The second signal.
    forced_by: OnceLock<Signal>,
}

#[derive(Debug, Default)]
struct State {
    playing: Weak<Supervisor>,
    /// A stop that was requested before the play.
    asked: Option<StopCause>,
    /// The number of stop signals that count.
    signals: u32,
    /// The last time at which each signal counted.
    counted: Vec<(Signal, Instant)>,
}

impl State {
    /// Counts a stop signal. Returns the number of those before it, or `None` if it is the wish of
    /// an earlier one.
    fn count(&mut self, signal: Signal, now: Instant) -> Option<u32> {
        match self.counted.iter_mut().find(|(other, _)| *other == signal) {
            Some((_, at)) if now.saturating_duration_since(*at) < SAME_WISH => return None,
            Some((_, at)) => *at = now,
            None => self.counted.push((signal, now)),
        }
        self.signals += 1;
        Some(self.signals - 1)
    }
}

/// Ends the play that [`Control::begin`] began.
pub(crate) struct PlayingGuard<'a>(&'a Control);

impl Drop for PlayingGuard<'_> {
    fn drop(&mut self) {
        self.0.state.lock().playing = Weak::new();
    }
}

impl Control {
    pub(crate) fn new(tree: Arc<Tree>) -> Arc<Self> {
        Arc::new(Self { tree, state: Mutex::default(), forced_by: OnceLock::new() })
    }

    pub(crate) fn tree(&self) -> &Arc<Tree> {
        &self.tree
    }

    pub(crate) fn begin(&self, supervisor: &Arc<Supervisor>) -> PlayingGuard<'_> {
        let asked = {
            let mut state = self.state.lock();
            state.playing = Arc::downgrade(supervisor);
            state.asked.take()
        };
        // A request wakes foreign code, so it is made without the lock.
        if let Some(cause) = asked {
            supervisor.request(Request::StopAll(cause));
        }
        PlayingGuard(self)
    }

    pub(crate) fn playing(&self) -> Option<Arc<Supervisor>> {
        self.state.lock().playing.upgrade()
    }

    /// Requests a graceful stop. Before the play, nothing will be started.
    pub(crate) fn stop(&self, cause: StopCause) {
        let playing = {
            let mut state = self.state.lock();
            let playing = state.playing.upgrade();
            if playing.is_none() {
                state.asked.get_or_insert_with(|| cause.clone());
            }
            playing
        };
        match playing {
            Some(supervisor) => supervisor.request(Request::StopAll(cause)),
            // The guard counts from here, even if the play does not get to begin.
            None => self.tree.stopping(),
        }
    }

    pub(crate) fn abort(&self, cause: StopCause) {
        if let Some(supervisor) = self.playing() {
            supervisor.request(Request::AbortAll(cause));
        }
    }

    /// Takes a stop signal. Returns whether the process is to exit at once.
    pub(crate) fn stop_signal(&self, signal: Signal) -> bool {
        let Some(earlier) = self.state.lock().count(signal, Instant::now()) else { return false };
        match earlier {
            0 => self.stop(StopCause::Signal(signal)),
            1 => {
                let _ = self.forced_by.set(signal);
                self.tree.aborting(exit_code::forced_by(signal));
                self.abort(StopCause::Signal(signal));
            }
            _ => return true,
        }
        false
    }

    /// Takes the end of the terminal, or a hangup that no player receives as a reload. It stops,
    /// and never aborts: a hangup often comes with other signals.
    pub(crate) fn hang_up(&self, signal: Signal) {
        self.stop(StopCause::Signal(signal));
    }

    pub(crate) fn forced_by(&self) -> Option<Signal> {
        self.forced_by.get().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_same_signal_within_half_a_second_is_the_same_wish() {
        let (int, term) = (Signal::INTERRUPT, Signal::TERMINATE);
        let began = Instant::now();
        for (script, counted) in [
            (vec![(int, 0), (int, 0), (int, 5), (int, 499)], 1),
            (vec![(int, 0), (int, 500)], 2),
            // A key that is held counts every half second.
            ((0..50).map(|i| (int, i * 30)).collect(), 3),
            // Another signal is another wish, and copies of both are no third.
            (vec![(int, 0), (term, 1), (int, 2), (term, 3)], 2),
            (vec![(int, 0), (term, 1), (int, 501)], 3),
        ] {
            let mut state = State::default();
            let counts: Vec<_> =
                script.iter().filter_map(|(signal, at)| state.count(*signal, began + *at * MS)).collect();
            assert_eq!(counts, (0..counted).collect::<Vec<_>>(), "{script:?}");
        }
    }
}
