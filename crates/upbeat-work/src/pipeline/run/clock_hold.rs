//! A paused clock that does not run ahead of threads.

use std::{sync::mpsc, time::Duration};

use tokio::{
    runtime::{Handle, RuntimeFlavor},
    task::spawn_blocking,
};

/// The longest hold, in real time. A thread that does not return must not stop the clock forever.
const MAX_HOLD: Duration = Duration::from_secs(1);

/// Holds a paused clock of tokio until it is dropped, for `MAX_HOLD` at most.
///
/// Such a clock leaps to the next timer whenever the runtime is idle. Threads of a pipeline are not
/// part of the runtime, so the deadline of a stop would pass while they finish their items. A clock
/// stands still while a blocking task of the runtime runs, or waits for its thread.
pub(super) struct ClockHold {
    _release: mpsc::Sender<()>,
}

impl ClockHold {
    pub(super) fn new() -> Self {
        let (release, released) = mpsc::channel::<()>();
        // Only the clock of this kind of runtime can be paused.
        if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
            spawn_blocking(move || released.recv_timeout(MAX_HOLD));
        }
        Self { _release: release }
    }
}
