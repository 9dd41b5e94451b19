//! Runs on plain threads.

use std::{thread, time::Instant};

use tokio::runtime::Handle;

use super::{
    result::finish,
    runnable::{Prepared, Runnable},
    threads::start_scoped,
};
use crate::pipeline::{
    control::RunSection as _,
    engine::Assembly,
    outcome::{PipelineError, PipelineReport},
};

impl<A: Assembly> Runnable<A> {
    /// Runs the pipeline to the end, on this thread and on one more for each further worker.
    ///
    /// The threads have ended when it returns, so all parts of the pipeline may borrow.
    ///
    /// It blocks. On a thread of an asynchronous runtime [`run_in`](Runnable::run_in) is better:
    /// there, this thread only waits for other threads, as it must not wait for a stream.
    ///
    /// # Errors
    ///
    /// If the pipeline has not run to the end of its source. Then the source or the sink has
    /// failed, or an item has failed and the policy was to
    /// [stop](crate::pipeline::ItemPolicy::Stop). Recorded failures are no error: they are in the
    /// [`PipelineReport`].
    pub fn run(self) -> Result<PipelineReport<A::Output>, PipelineError<A::Output>> {
        self.run_on(Handle::try_current().ok().as_ref())
    }

    /// Runs the pipeline. Without a runtime this thread may wait for a stream, and is a worker.
    pub(super) fn run_on(
        self,
        runtime: Option<&Handle>,
    ) -> Result<PipelineReport<A::Output>, PipelineError<A::Output>> {
        let begun = Instant::now();
        let Prepared { engine, sections, control } = self.prepare();
        let workers = engine.workers();
        if let Some(runtime) = runtime {
            control.set_runtime(runtime.clone());
        }
        control.meters().begin();
        thread::scope(|scope| {
            for section in &sections {
                if let Err(error) = start_scoped(scope, 0..section.workers(), &**section, runtime) {
                    section.refuse(error);
                }
            }
            if runtime.is_none() {
                let _ = start_scoped(scope, 1..workers, &engine, runtime);
                engine.work();
            } else if start_scoped(scope, 0..workers, &engine, runtime).is_err() {
                engine.work();
            }
        });
        finish(engine, &sections, &control, begun)
    }
}
