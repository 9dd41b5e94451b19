//! Runs on threads of its own.

use std::{io, marker::PhantomData, ops::Range, sync::Arc, thread, time::Instant};

use tokio::runtime::Handle;

use super::{
    finish::{Running, finish},
    runnable::Runnable,
};
use crate::pipeline::{
    control::{Run, Segment, Segments},
    engine::{Engine, Exit, Fused, How},
    options::OnStop,
    outcome::{PipelineError, Report},
    sink::{Failures, Pack, Sink},
    source::Source,
    stage::Line,
};

impl<S, L, P, K, H> Runnable<S, L, P, K, H>
where
    S: Source,
    L: for<'b> Line<'b, S::Batch>,
    P: for<'b> Pack<<L as Line<'b, S::Batch>>::Out, K::Unit>,
    K: Sink,
    H: Failures,
{
    /// Runs it to the end on plain threads: this one, and one more for each further worker. They are gone when it returns, so all may borrow.
    ///
    /// It blocks. On a thread of an asynchronous runtime, where [`run_in`](Runnable::run_in) is better, this thread does nothing but wait, since it must not wait
    /// for a stream.
    ///
    /// # Errors
    ///
    /// When it could not run to the end of its source: the source or the sink failed, or an item did and was to [stop](crate::pipeline::OnFailure::Stop) it.
    /// Failures that were recorded are no error: the [`Report`] has them.
    pub fn run(self) -> Result<Report<K::Output>, PipelineError<K::Output>> {
        self.run_on(Handle::try_current().ok())
    }

    /// Without a runtime this thread may wait for a stream, and is a worker like the others.
    pub(crate) fn run_on(mut self, runtime: Option<Handle>) -> Result<Report<K::Output>, PipelineError<K::Output>> {
        let begun = Instant::now();
        let (workers, run) = (self.settings.section.workers, self.shared());
        let is_in_runtime = runtime.map(|runtime| run.within(runtime)).is_some();
        let segments = self.segments();
        let engine = self.into_engine();
        run.board().begin();
        thread::scope(|scope| {
            for segment in &segments {
                if let Err(error) = spawn(scope, 0..segment.workers(), &**segment) {
                    segment.refuse(error);
                }
            }
            if !is_in_runtime {
                let _ = spawn(scope, 1..workers, &engine);
                engine.work();
            } else if spawn(scope, 0..workers, &engine).is_err() {
                engine.work();
            }
        });
        finish(engine, &segments, &run, begun)
    }

    pub(crate) fn count(&self) -> usize {
        self.settings.section.workers
    }

    pub(crate) fn segments<'s>(&mut self) -> Segments<'s>
    where
        Self: 's,
    {
        self.source.take_segments()
    }

    pub(crate) fn stop_policy(&self) -> OnStop {
        self.settings.on_stop
    }

    pub(crate) fn shared(&self) -> Run {
        self.run.clone()
    }

    pub(crate) fn into_engine(self) -> Running<S, L, P, K, H> {
        let Self { source, line, stages, run, pack, sink, mut failures, settings } = self;
        failures.tally().sink = stages.last().cloned();
        let how = How::of::<S>(&settings.section);
        let stages: Arc<[_]> = stages.into();
        let gauge = run.board().fused(how.workers, how.window, None, stages.clone());
        let plan = Fused {
            line,
            pack,
            stages,
            run: run.clone(),
            gauge: gauge.clone(),
            is_last: true,
            progress: settings.progress,
            of: PhantomData,
        };
        Engine::new(plan, source, Exit { sink, failures }, how, &run, gauge)
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
    segment: &'scope dyn Segment,
) -> io::Result<()> {
    for at in workers.clone() {
        let worker = thread::Builder::new().name(format!("upbeat-work {at}"));
        match worker.spawn_scoped(scope, || segment.work()) {
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
