//! Runs on threads of its own.

use std::{io, marker::PhantomData, ops::Range, sync::Arc, thread, time::Instant};

use tokio::runtime::Handle;

use super::{
    finish::{Running, finish},
    runnable::Runnable,
};
use crate::pipeline::{
    control::{Control, RunSection, Sections},
    engine::{Engine, EngineConfig, FusedStages, SinkEnd},
    options::OnStop,
    outcome::{PipelineError, PipelineReport},
    sink::{FailureSink, Pack, Sink},
    source::Source,
    stage::StageChain,
};

impl<S, L, P, K, H> Runnable<S, L, P, K, H>
where
    S: Source,
    L: for<'b> StageChain<'b, S::Batch>,
    P: for<'b> Pack<<L as StageChain<'b, S::Batch>>::Out, K::Unit>,
    K: Sink,
    H: FailureSink,
{
    /// Runs it to the end on plain threads: this one, and one more for each further worker. They are gone when it returns, so all may borrow.
    ///
    /// It blocks. On a thread of an asynchronous runtime, where [`run_in`](Runnable::run_in) is better, this thread does nothing but wait, since it must not wait
    /// for a stream.
    ///
    /// # Errors
    ///
    /// When it could not run to the end of its source: the source or the sink failed, or an item did and was to [stop](crate::pipeline::ItemPolicy::Stop) it.
    /// Failures that were recorded are no error: the [`PipelineReport`] has them.
    pub fn run(self) -> Result<PipelineReport<K::Output>, PipelineError<K::Output>> {
        self.run_on(Handle::try_current().ok())
    }

    /// Without a runtime this thread may wait for a stream, and is a worker like the others.
    pub(crate) fn run_on(
        mut self,
        runtime: Option<Handle>,
    ) -> Result<PipelineReport<K::Output>, PipelineError<K::Output>> {
        let begun = Instant::now();
        let (workers, run) = (self.settings.section.workers, self.shared());
        let is_in_runtime = runtime.map(|runtime| run.within(runtime)).is_some();
        let sections = self.sections();
        let engine = self.into_engine();
        run.registry().begin();
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
        finish(engine, &sections, &run, begun)
    }

    pub(crate) fn count(&self) -> usize {
        self.settings.section.workers
    }

    pub(crate) fn sections<'s>(&mut self) -> Sections<'s>
    where
        Self: 's,
    {
        self.source.take_sections()
    }

    pub(crate) fn stop_policy(&self) -> OnStop {
        self.settings.on_stop
    }

    pub(crate) fn shared(&self) -> Control {
        self.run.clone()
    }

    pub(crate) fn into_engine(self) -> Running<S, L, P, K, H> {
        let Self { source, line, stages, run, pack, sink, mut failures, settings } = self;
        failures.state().sink = stages.last().cloned();
        let how = EngineConfig::of::<S>(&settings.section);
        let stages: Arc<[_]> = stages.into();
        let meter = run.registry().fused(how.workers, how.window, None, stages.clone());
        let plan = FusedStages {
            line,
            pack,
            stages,
            run: run.clone(),
            meter: meter.clone(),
            is_last: true,
            progress: settings.progress,
            of: PhantomData,
        };
        Engine::new(plan, source, SinkEnd { sink, failures }, how, &run, meter)
    }
}

/// Starts workers. Some fewer are slower, and right all the same.
///
/// # Errors
///
/// When there is a thread for none of them.
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
                tracing::warn!(%error, "a pipeline runs with {at} of {} workers: no more threads", workers.end);
                break;
            }
        }
    }
    Ok(())
}
