//! Asking a pipeline to stop.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering::Relaxed},
};

/// What a stop does with the items that were taken from the source and have not come out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnStop {
    /// They go through to the sink: nothing that was taken is lost.
    #[default]
    Finish,
    /// They are dropped, and [counted](crate::Report::dropped). What is inside a stage or the sink at that instant is not interrupted.
    Drop,
}

/// Asks a running pipeline to stop, from anywhere: from another thread, a stage, or the sink. A cheap clone.
///
/// Stops only become harsher: [`OnStop::Drop`] after [`OnStop::Finish`] drops the rest, the reverse has no effect.
///
/// # Not guaranteed
///
/// It does not interrupt: a source that blocks is asked for nothing more once it returns.
#[derive(Clone, Debug, Default)]
pub struct StopHandle {
    /// Relaxed suffices: it publishes nothing, and whoever sees it late does a batch more.
    state: Arc<AtomicU8>,
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
        self.state.fetch_max(state, Relaxed);
    }

    /// Whether it was asked to stop.
    pub fn is_stopping(&self) -> bool {
        self.state.load(Relaxed) >= FINISH
    }

    pub(crate) fn is_dropping(&self) -> bool {
        self.state.load(Relaxed) == DROP
    }
}
