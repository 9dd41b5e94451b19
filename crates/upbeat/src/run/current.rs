//! The run whose code is on the stack of this thread.

use std::{cell::Cell, sync::Arc};

use super::Run;

std::thread_local! {
    /// The address of the run, or zero.
    static CURRENT: Cell<usize> = const { Cell::new(0) };
}

/// The run whose code is on the stack of this thread, to be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CurrentRun(usize);

impl CurrentRun {
    /// Returns the run of the caller. `None` outside the tasks of runs.
    pub(crate) fn get() -> Option<Self> {
        CURRENT.with(|current| Some(current.get()).filter(|&run| run != 0).map(Self))
    }

    pub(crate) fn is(self, run: &Arc<Run>) -> bool {
        self.0 == Arc::as_ptr(run).addr()
    }
}

/// Makes a run the current one of this thread until it is dropped.
#[derive(Debug)]
pub(crate) struct EnteredRun {
    previous: usize,
}

impl EnteredRun {
    pub(crate) fn new(run: &Arc<Run>) -> Self {
        Self { previous: CURRENT.with(|current| current.replace(Arc::as_ptr(run).addr())) }
    }
}

impl Drop for EnteredRun {
    fn drop(&mut self) {
        CURRENT.with(|current| current.set(self.previous));
    }
}
