//! A program that has one job: it ends when the job does, or when a signal asks it to. For `main`.

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

/// How long a job may take to stop. Who waits at a terminal does not wait longer.
const GRACE: Duration = Duration::from_secs(1);

/// What became of a job.
#[derive(Debug)]
pub struct Played<T> {
    /// What it returned; `None` if it never did, because it panicked or was cut off.
    pub answer: Option<T>,
    /// How it all ended.
    pub report: Report,
}

/// Plays a job on this thread, with a runtime of its own. The first signal cancels its context; a second after that it is cut off.
///
/// Threads that it blocks are not waited for.
///
/// # Errors
///
/// When there can be no runtime.
pub fn play<T, F>(name: &str, job: impl FnOnce(Context) -> F + Send + 'static) -> io::Result<Played<T>>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let answer = Arc::new(Mutex::new(None));
    let place = answer.clone();
    let player = once(move |cx| async move {
        let value = job(cx).await;
        *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
        Ok::<_, std::convert::Infallible>(())
    });
    let conductor = Conductor::new(name).part(Part::new("job", player).job()).stop_timeout(GRACE);
    let report = runtime.block_on(conductor.play_until_signal());
    runtime.shutdown_background();
    let answer = answer.lock().unwrap_or_else(PoisonError::into_inner).take();
    Ok(Played { answer, report })
}

impl<T> Played<T> {
    /// The signal that ended it, if one did.
    pub fn signal(&self) -> Option<Signal> {
        match self.report.cause {
            Cause::Stopped(StopCause::Signal(signal)) => Some(signal),
            _ => None,
        }
    }

    /// As shells have it: 128 and the number of the signal that ended it.
    pub fn interrupted(&self) -> Option<u8> {
        self.signal().map(exit_code::forced_by)
    }
}
