//! The threads of a run.

use std::{
    io,
    ops::Range,
    sync::{Arc, OnceLock},
    thread,
};

use tokio::{
    runtime::Handle,
    sync::oneshot::{self, error::TryRecvError},
};

use super::thread_cache::ThreadCache;
use crate::{pipeline::control::RunSection, targets};

/// Starts workers. With fewer threads than workers a pipeline is slower, and still correct.
///
/// # Errors
///
/// If there is a thread for none of them.
fn start(workers: Range<usize>, mut start_one: impl FnMut(usize) -> io::Result<()>) -> io::Result<()> {
    for at in workers.clone() {
        match start_one(at) {
            Ok(()) => {}
            Err(error) if at == workers.start => return Err(error),
            Err(error) => {
                tracing::warn!(target: targets::PIPELINE, %error, workers = at, wanted = workers.end, "pipeline runs with fewer workers");
                break;
            }
        }
    }
    Ok(())
}

/// Starts threads that end before the scope does. Stages may use the `runtime`, if there is one.
///
/// # Errors
///
/// As for [`start`].
pub(super) fn start_scoped<'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    workers: Range<usize>,
    section: &'scope dyn RunSection,
    runtime: Option<&'scope Handle>,
) -> io::Result<()> {
    start(workers, |at| {
        let work = move || {
            let _entered = runtime.map(Handle::enter);
            section.work();
        };
        thread::Builder::new().name(format!("upbeat-work {at}")).spawn_scoped(scope, work).map(drop)
    })
}

/// The threads of a run in a runtime.
///
/// They are not those of the runtime, which are bounded and have other work: a pipeline keeps its
/// threads for as long as it runs. If this is dropped, threads are free when the calls that they
/// are in return.
#[derive(Default)]
pub(super) struct Threads(Vec<RunningThread>);

struct RunningThread {
    /// Set when it begins.
    name: Arc<OnceLock<String>>,
    /// Closed when the thread has dropped everything of the run.
    ended: oneshot::Receiver<()>,
}

impl Threads {
    /// Starts the workers of a section. Their stages may use the `runtime`.
    ///
    /// # Errors
    ///
    /// As for [`start`].
    pub(super) fn start<S>(&mut self, section: &Arc<S>, runtime: &Handle) -> io::Result<()>
    where
        S: RunSection + ?Sized + 'static,
    {
        start(0..section.workers(), |_| {
            let (section, runtime) = (section.clone(), runtime.clone());
            let (name, (end, ended)) = (Arc::new(OnceLock::new()), oneshot::channel());
            let begun = name.clone();
            ThreadCache::shared().run(Box::new(move || {
                // Dropped last, also in a panic.
                let _end: oneshot::Sender<()> = end;
                let _ = begun.set(thread::current().name().unwrap_or_default().to_owned());
                let section = section;
                let _entered = runtime.enter();
                section.work();
            }))?;
            self.0.push(RunningThread { name, ended });
            Ok(())
        })
    }

    /// Waits until all threads have left the run. Cancel safe.
    pub(super) async fn end(&mut self) {
        while let Some(thread) = self.0.last_mut() {
            // Closed in any case. A panic outside of `work` has been printed, and leaves nothing to
            // report.
            let _ = (&mut thread.ended).await;
            self.0.pop();
        }
    }

    /// Returns the names of the threads that have not left the run.
    pub(super) fn names(&mut self) -> Vec<&str> {
        let left = self.0.iter_mut().filter_map(|thread| match thread.ended.try_recv() {
            Err(TryRecvError::Empty) => Some(&thread.name),
            _ => None,
        });
        left.map(|name| name.get().map_or("a thread that has not begun", String::as_str)).collect()
    }
}
