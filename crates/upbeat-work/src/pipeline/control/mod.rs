//! What all sections of a pipeline share while it runs, and how their threads wait.

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

use crate::pipeline::{meter::MeterRegistry, options::OnStop};

pub(crate) use section::{RunSection, SectionOutcome, Sections};
pub(crate) use source_wait::SourceWait;
pub use stop::StopHandle;

/// One run of a pipeline.
#[derive(Clone, Default)]
pub(crate) struct Control(Arc<Shared>);

#[derive(Default)]
struct Shared {
    stop: StopHandle,
    driver: OnceLock<Driver>,
    context: OnceLock<Context>,
    /// Apart, so that a meter keeps nothing else alive.
    registry: Arc<MeterRegistry>,
    /// Failures that were passed along.
    passed: AtomicU64,
}

/// What drives timers and sockets while a thread of the pipeline waits for a future.
enum Driver {
    /// The runtime that it runs in.
    Theirs(Handle),
    Own(Runtime),
}

impl Control {
    pub(crate) fn stop(&self) -> &StopHandle {
        &self.0.stop
    }

    pub(crate) fn registry(&self) -> &Arc<MeterRegistry> {
        &self.0.registry
    }

    /// It runs in this runtime.
    pub(crate) fn within(&self, runtime: Handle) {
        // Whoever runs it is the only one, so it is the first.
        let _ = self.0.driver.set(Driver::Theirs(runtime));
    }

    /// It runs as part of this player.
    pub(crate) fn told_to(&self, context: Context) {
        let _ = self.0.context.set(context);
    }

    /// Whether it, or the player that it is part of, was asked to stop.
    pub(crate) fn is_asked_to_stop(&self) -> bool {
        self.stop().is_stopping() || self.0.context.get().is_some_and(|context| context.error().is_some())
    }

    /// Items of the source are through; none is a sign of life.
    pub(crate) fn progress(&self, items: u64) {
        if let Some(context) = self.0.context.get() {
            context.progress(items);
        }
    }

    pub(crate) fn pass(&self, failures: u64) {
        if failures > 0 {
            self.0.passed.fetch_add(failures, Relaxed);
        }
    }

    pub(crate) fn passed(&self) -> u64 {
        self.0.passed.load(Relaxed)
    }

    /// Waits on this thread, which must not be one that drives other futures.
    pub(crate) fn block_on<F: Future>(&self, future: F) -> io::Result<F::Output> {
        let driver = if let Some(driver) = self.0.driver.get() {
            driver
        } else {
            let own = runtime::Builder::new_current_thread().enable_all().build()?;
            self.0.driver.get_or_init(|| Driver::Own(own))
        };
        Ok(match driver {
            Driver::Theirs(runtime) => runtime.block_on(future),
            Driver::Own(runtime) => runtime.block_on(future),
        })
    }

    /// Waits until the future is ready, or what is inside is to be dropped: then there is none.
    pub(crate) fn unless_dropping<F: Future>(&self, future: F) -> io::Result<Option<F::Output>> {
        self.block_on(async {
            tokio::select! {
                biased;
                () = self.stop().asked(OnStop::Drop) => None,
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
