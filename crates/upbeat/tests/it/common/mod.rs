//! Players that log their steps, for tests.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

pub(crate) mod calls;
pub(crate) mod events;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use upbeat::{BoxError, Context, Player, with};

pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const ZERO: Duration = Duration::ZERO;
pub(crate) const S: Duration = Duration::from_secs(1);

/// The lines of a test, in order.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(crate) fn add(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn count(&self, line: &str) -> usize {
        self.lines().iter().filter(|known| *known == line).count()
    }

    /// Returns the position of a line.
    pub(crate) fn at(&self, line: &str) -> usize {
        let at = self.lines().iter().position(|known| known == line);
        at.unwrap_or_else(|| panic!("{line:?} is not in {:?}", self.lines()))
    }
}

/// Logs `NAME up`, then `NAME ready` after `ready_after`, `NAME asked` at the stop request, and
/// `NAME down` after `stops_after`.
pub(crate) fn polite(log: &Log, name: &'static str, ready_after: Duration, stops_after: Duration) -> impl Player {
    with(log.clone(), move |log: Log, cx: Context| async move {
        log.add(format!("{name} up"));
        if cx.unless_stopping(tokio::time::sleep(ready_after)).await.is_some() {
            log.add(format!("{name} ready"));
            cx.ready();
        }
        cx.stopping().await;
        log.add(format!("{name} asked"));
        tokio::time::sleep(stops_after).await;
        log.add(format!("{name} down"));
        Ok::<_, BoxError>(())
    })
}

/// Fails after a while, unless it is asked to stop before.
pub(crate) fn failing(after: Duration, message: &'static str) -> impl Player {
    move |cx: Context| async move {
        match cx.unless_stopping(tokio::time::sleep(after)).await {
            Some(()) => Err(BoxError::from(message)),
            None => Ok(()),
        }
    }
}

/// Ignores the stop, but can be aborted.
pub(crate) async fn deaf(cx: Context) -> Result<(), BoxError> {
    cx.ready();
    std::future::pending().await
}

/// Fails in its first run, and waits for the stop in the next.
pub(crate) async fn fails_once(cx: Context) -> Result<(), BoxError> {
    if cx.attempt() == 0 {
        return Err("once".into());
    }
    cx.stopping().await;
    Ok(())
}

/// Waits for the stop.
pub(crate) async fn idle(cx: Context) -> Result<(), BoxError> {
    cx.stopping().await;
    Ok(())
}
