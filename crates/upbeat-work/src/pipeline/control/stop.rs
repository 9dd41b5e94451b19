//! Asking a pipeline to stop.

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

/// Asks a running pipeline to stop, from anywhere: from another thread, a stage, or the sink. A cheap clone.
///
/// Stops only become harsher: [`OnStop::Drop`] after [`OnStop::Finish`] drops the rest, the reverse has no effect.
///
/// # Not guaranteed
///
/// It ends the waiting for a channel or a stream, and interrupts nothing else: an iterator or reader that blocks is asked for nothing more once it
/// returns.
#[derive(Clone, Debug, Default)]
pub struct StopHandle(Arc<Signal>);

#[derive(Debug, Default)]
struct Signal {
    /// Whoever sees it late does a batch more. Who waits sees it by the lock inside of `changed`.
    state: AtomicU8,
    changed: Notify,
}

const FINISH: u8 = 1;
const DROP: u8 = 2;

impl StopHandle {
    /// Asks it to stop. Later calls can make it harsher.
    pub fn stop(&self, how: OnStop) {
        let state = match how {
            OnStop::Finish => FINISH,
            OnStop::Drop => DROP,
        };
        // Release and acquire: who sees that it was asked sees also why, which may be another handle's stop.
        if self.0.state.fetch_max(state, Release) < state {
            self.0.changed.notify_waiters();
        }
    }

    /// Whether it was asked to stop.
    pub fn is_stopping(&self) -> bool {
        self.0.state.load(Acquire) >= FINISH
    }

    pub(crate) fn is_dropping(&self) -> bool {
        self.0.state.load(Acquire) == DROP
    }

    /// Completes once it is asked to stop at least so.
    pub(crate) async fn asked(&self, how: OnStop) {
        loop {
            let mut changed = pin!(self.0.changed.notified());
            // From here on a change is not missed, and only then is looked.
            changed.as_mut().enable();
            if self.is_dropping() || (how == OnStop::Finish && self.is_stopping()) {
                return;
            }
            changed.await;
        }
    }
}
