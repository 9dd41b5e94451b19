//! The state that the sections of a pipeline share during a run, and the waiting of their threads.

mod section;
mod source_wait;
mod stop;

use std::{
    fmt, io,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use tokio::runtime::{self, Handle, Runtime};
use upbeat::Context;

pub(crate) use section::{RunSection, SectionOutcome, Sections};
pub(crate) use source_wait::SourceWait;
pub use stop::StopHandle;

use crate::pipeline::{meter::MeterRegistry, options::OnStop};

/// A handle to the state of one run, which all its sections share.
#[derive(Clone, Default)]
pub(crate) struct Control(Arc<ControlState>);

#[derive(Default)]
struct ControlState {
    stop: StopHandle,
    driver: OnceLock<Driver>,
    context: OnceLock<Context>,
    /// In its own `Arc`, so that a meter keeps nothing else alive.
    meters: Arc<MeterRegistry>,
    failures_as_items: AtomicU64,
}

/// The runtime that drives timers and sockets while a thread of the pipeline waits for a future.
enum Driver {
    /// The runtime that the pipeline runs in.
    Current(Handle),
    Own(Runtime),
}

impl Control {
    pub(crate) fn stop(&self) -> &StopHandle {
        &self.0.stop
    }

    pub(crate) fn meters(&self) -> &Arc<MeterRegistry> {
        &self.0.meters
    }

    /// Sets the runtime that the pipeline runs in.
    pub(crate) fn set_runtime(&self, runtime: Handle) {
        // It is called once, at the start of the run, so no other driver is set.
        let _ = self.0.driver.set(Driver::Current(runtime));
    }

    /// Sets the context of the player that the pipeline is part of.
    pub(crate) fn set_context(&self, context: Context) {
        let _ = self.0.context.set(context);
    }

    /// Returns whether the pipeline, or the player that it is part of, is to stop.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stop().is_stopping() || self.0.context.get().is_some_and(|context| context.error().is_some())
    }

    /// Counts `items` as progress of the player. Zero is a heartbeat.
    pub(crate) fn progress(&self, items: u64) {
        if let Some(context) = self.0.context.get() {
            context.progress(items);
        }
    }

    pub(crate) fn count_failures_as_items(&self, failures: u64) {
        if failures > 0 {
            self.0.failures_as_items.fetch_add(failures, Relaxed);
        }
    }

    pub(crate) fn failures_as_items(&self) -> u64 {
        self.0.failures_as_items.load(Relaxed)
    }

    /// Waits for the future on this thread, which must not be one that drives other futures.
    pub(crate) fn block_on<F: Future>(&self, future: F) -> io::Result<F::Output> {
        let driver = if let Some(driver) = self.0.driver.get() {
            driver
        } else {
            let own = runtime::Builder::new_current_thread().enable_all().build()?;
            self.0.driver.get_or_init(|| Driver::Own(own))
        };
        Ok(match driver {
            Driver::Current(runtime) => runtime.block_on(future),
            Driver::Own(runtime) => runtime.block_on(future),
        })
    }

    /// Waits for the future. Returns `None` if items in flight are to be dropped before that.
    pub(crate) fn until_dropping<F: Future>(&self, future: F) -> io::Result<Option<F::Output>> {
        self.block_on(async {
            tokio::select! {
                biased;
                () = self.stop().requested(OnStop::Drop) => None,
                output = future => Some(output),
            }
        })
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").field("stop", self.stop()).finish_non_exhaustive()
    }
}
