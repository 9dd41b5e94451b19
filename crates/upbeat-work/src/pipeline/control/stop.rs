//! Stops of a pipeline.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{
            AtomicU8,
            Ordering::{Acquire, Release},
        },
    },
};

use tokio::sync::Notify;

use crate::pipeline::options::OnStop;

/// A handle that stops a running pipeline from anywhere: another thread, a stage, or the sink.
///
/// It is cheap to clone. A stop only becomes harsher: [`OnStop::Drop`] after [`OnStop::Finish`]
/// drops the remaining items, the reverse has no effect.
///
/// # Not guaranteed
///
/// A stop ends the waiting for a channel or a stream, and interrupts nothing else. An iterator or
/// reader that blocks is not called again once it returns.
#[derive(Clone, Debug, Default)]
pub struct StopHandle(Arc<StopState>);

#[derive(Debug, Default)]
struct StopState {
    /// A worker that sees it late works on one batch more. Waiting threads see it by the lock in
    /// `changed`.
    state: AtomicU8,
    changed: Notify,
}

const FINISH: u8 = 1;
const DROP: u8 = 2;

impl StopHandle {
    /// Requests a stop. Later calls can make it harsher.
    pub fn stop(&self, how: OnStop) {
        let state = match how {
            OnStop::Finish => FINISH,
            OnStop::Drop => DROP,
        };
        // Release and acquire: a thread that sees the stop also sees its reason, which may be the
        // stop of another handle.
        if self.0.state.fetch_max(state, Release) < state {
            self.0.changed.notify_waiters();
        }
    }

    /// Returns whether a stop was requested.
    pub fn is_stopping(&self) -> bool {
        self.0.state.load(Acquire) >= FINISH
    }

    pub(crate) fn is_dropping(&self) -> bool {
        self.0.state.load(Acquire) == DROP
    }

    /// Waits for a stop that is at least as harsh as this.
    pub(crate) async fn requested(&self, how: OnStop) {
        loop {
            let mut changed = pin!(self.0.changed.notified());
            // Enabled before the state is read, so that no change is missed in between.
            changed.as_mut().enable();
            if self.is_dropping() || (how == OnStop::Finish && self.is_stopping()) {
                return;
            }
            changed.await;
        }
    }
}
