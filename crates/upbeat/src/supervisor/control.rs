//! The control of a conductor by its handles and by signals, before, during and after its play.

use std::sync::{Arc, OnceLock, Weak};

use parking_lot::Mutex;

use super::{request::Request, state::Supervisor};
use crate::{exit_code, signal::Signal, stop_cause::StopCause, tree::Tree};

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
    /// The number of stop signals so far.
    signals: u32,
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
        if let Some(supervisor) = playing {
            supervisor.request(Request::StopAll(cause));
        }
    }

    pub(crate) fn abort(&self, cause: StopCause) {
        if let Some(supervisor) = self.playing() {
            supervisor.request(Request::AbortAll(cause));
        }
    }

    /// Takes a stop signal. Returns whether the process is to exit at once.
    pub(crate) fn stop_signal(&self, signal: Signal) -> bool {
        let earlier = {
            let mut state = self.state.lock();
            state.signals += 1;
            state.signals - 1
        };
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

    pub(crate) fn forced_by(&self) -> Option<Signal> {
        self.forced_by.get().copied()
    }
}
