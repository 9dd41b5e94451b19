//! Runs on plain threads.

use std::{io, ops::Range, thread, time::Instant};

use tokio::runtime::Handle;

use super::{
    result::finish,
    runnable::{Prepared, Runnable},
};
use crate::pipeline::{
    control::RunSection,
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
        self.run_on(Handle::try_current().ok())
    }

    /// Runs the pipeline. Without a runtime this thread may wait for a stream, and is a worker.
    pub(super) fn run_on(self, runtime: Option<Handle>) -> Result<PipelineReport<A::Output>, PipelineError<A::Output>> {
        let begun = Instant::now();
        let Prepared { engine, sections, control } = self.prepare();
        let workers = engine.workers();
        let is_in_runtime = runtime.map(|runtime| control.set_runtime(runtime)).is_some();
        control.meters().begin();
        thread::scope(|scope| {
            for section in &sections {
                if let Err(error) = spawn(scope, 0..section.workers(), &**section) {
                    section.refuse(error);
                }
            }
            if !is_in_runtime {
                let _ = spawn(scope, 1..workers, &engine);
                engine.work();
            } else if spawn(scope, 0..workers, &engine).is_err() {
                engine.work();
            }
        });
        finish(engine, &sections, &control, begun)
    }
}

/// Starts workers. With fewer threads than workers a pipeline is slower, and still correct.
///
/// # Errors
///
/// If there is a thread for none of them.
fn spawn<'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    workers: Range<usize>,
    section: &'scope dyn RunSection,
) -> io::Result<()> {
    for at in workers.clone() {
        let worker = thread::Builder::new().name(format!("upbeat-work {at}"));
        match worker.spawn_scoped(scope, || section.work()) {
            Ok(_) => {}
            Err(error) if at == workers.start => return Err(error),
            Err(error) => {
                tracing::warn!(target: crate::targets::PIPELINE, %error, workers = at, wanted = workers.end, "pipeline runs with fewer workers");
                break;
            }
        }
    }
    Ok(())
}
