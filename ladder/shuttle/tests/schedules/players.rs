//! Players that say what they do, and what is asked of every report.

use std::sync::{Arc, Mutex};

use upbeat::{
    BoxError, Context, Player, Report,
    report::Outcome,
    restart::{Backoff, Restart},
    with,
};

use crate::explore::{MS, pause};

/// The lines of a scenario, in order. An ordinary lock, so that logging is no point of the
/// schedule.
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

    fn at(&self, line: &str) -> Option<usize> {
        self.lines().iter().position(|known| known == line)
    }

    /// If `later` happened at all, `earlier` did before.
    pub(crate) fn ordered(&self, earlier: &str, later: &str) {
        let (first, second) = (self.at(earlier), self.at(later));
        let holds = second.is_none_or(|second| first.is_some_and(|first| first < second));
        assert!(holds, "{later:?} without {earlier:?} before it: {:?}", self.lines());
    }

    /// If both happened, `earlier` did first.
    pub(crate) fn never_after(&self, earlier: &str, later: &str) {
        if let (Some(first), Some(second)) = (self.at(earlier), self.at(later)) {
            assert!(first < second, "{earlier:?} after {later:?}: {:?}", self.lines());
        }
    }
}

/// Says `NAME up`, `NAME ready`, `NAME told` and `NAME down`, and can be overtaken before each.
pub(crate) fn polite(log: &Log, name: &'static str) -> impl Player {
    with(log.clone(), move |log: Log, cx: Context| async move {
        log.add(format!("{name} up"));
        pause(2).await;
        log.add(format!("{name} ready"));
        cx.ready();
        cx.stopping().await;
        log.add(format!("{name} told"));
        pause(2).await;
        log.add(format!("{name} down"));
        Ok::<_, BoxError>(())
    })
}

/// Fails while stopping.
pub(crate) fn sour(message: &'static str) -> impl Player {
    move |cx: Context| async move {
        cx.stopping().await;
        pause(2).await;
        Err::<(), _>(BoxError::from(message))
    }
}

/// Fails after a while, if it is not asked to stop before.
pub(crate) fn failing(message: &'static str) -> impl Player {
    move |cx: Context| async move {
        match cx.unless_stopping(pause(4)).await {
            Some(()) => Err(BoxError::from(message)),
            None => Ok(()),
        }
    }
}

/// Never stops by itself, but can be aborted.
pub(crate) async fn deaf(_: Context) -> Result<(), BoxError> {
    std::future::pending().await
}

/// Waits for the stop.
pub(crate) async fn idle(cx: Context) -> Result<(), BoxError> {
    cx.stopping().await;
    Ok(())
}

pub(crate) fn soon() -> Restart {
    Restart::on_failure(Backoff::exponential(MS, MS * 4))
}

/// Checks that the report has exactly the players of the list, in that order.
pub(crate) fn accounted(report: &Report, paths: &[&str]) {
    let reported: Vec<&str> = report.players.iter().map(|player| &*player.path).collect();
    assert_eq!(reported, paths, "{report}");
}

pub(crate) fn outcome<'a>(report: &'a Report, path: &str) -> &'a Outcome {
    &report.player(path).unwrap_or_else(|| panic!("no {path} in {report}")).outcome
}

/// All failures of the report, as text.
pub(crate) fn failures(report: &Report) -> Vec<String> {
    let all = report.players.iter().flat_map(|player| &player.failures);
    all.map(ToString::to_string).collect()
}
