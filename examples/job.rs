//! A conductor of one job, for `main`: it ends with the job, or on a signal.

use std::{
    future::Future,
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use upbeat::{
    Conductor, Context, Part, Report, Signal, exit_code, once,
    report::{Cause, StopCause},
};

/// The stop timeout of a job, which is short because a user waits for it at a terminal.
const GRACE: Duration = Duration::from_secs(1);

/// The outcome of a job.
#[derive(Debug)]
pub struct Played<T> {
    /// The value that the job returned, or `None` if it panicked or was aborted.
    pub answer: Option<T>,
    /// The report of the conductor.
    pub report: Report,
}

/// Plays a job on this thread, in a new runtime. The first signal cancels the job's context. One
/// second later the job is aborted.
///
/// It does not wait for threads that the job blocks.
///
/// # Errors
///
/// If the runtime cannot be started.
pub fn play<T, F>(name: &str, job: impl FnOnce(Context) -> F + Send + 'static) -> io::Result<Played<T>>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let answer = Arc::new(Mutex::new(None));
    let slot = answer.clone();
    let player = once(move |cx| async move {
        let value = job(cx).await;
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
        Ok::<_, std::convert::Infallible>(())
    });
    let conductor = Conductor::new(name).part(Part::new("job", player).job()).stop_timeout(GRACE);
    let report = runtime.block_on(conductor.play_until_signal());
    runtime.shutdown_background();
    let answer = answer.lock().unwrap_or_else(PoisonError::into_inner).take();
    Ok(Played { answer, report })
}

impl<T> Played<T> {
    /// Returns the signal that ended the job, if one did.
    pub fn signal(&self) -> Option<Signal> {
        match self.report.cause {
            Cause::Stopped(StopCause::Signal(signal)) => Some(signal),
            _ => None,
        }
    }

    /// Returns 128 plus the number of the signal that ended the job, as in shells.
    pub fn interrupted(&self) -> Option<u8> {
        self.signal().map(exit_code::forced_by)
    }
}
