use std::fmt::Write as _;

use upbeat::{
    diagnostics::{PlayerSnapshot, Snapshot},
    report::HumanDuration,
};

/// A health check, as Kubernetes defines them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HealthCheck {
    Live,
    Ready,
    Started,
}

impl HealthCheck {
    /// Returns why the check fails; `None` if it passes.
    pub(super) fn failure(self, snapshot: &Snapshot) -> Option<String> {
        match self {
            // A process that responds is alive. Neither a missing readiness nor a stop is a reason
            // to kill it.
            Self::Live => None,
            Self::Ready => {
                let ready = snapshot.stopping.is_none() && snapshot.not_ready().is_empty();
                (!ready).then(|| snapshot.summary())
            }
            Self::Started if snapshot.started => None,
            Self::Started => {
                let missing = snapshot.players.iter().find(|player| !player.started && !player.optional);
                Some(missing.map_or_else(
                    || "not started".to_owned(),
                    |player| format!("not started: {} is {}", player.path, player.state),
                ))
            }
        }
    }

    fn passes_for(self, player: &PlayerSnapshot) -> bool {
        match self {
            Self::Live | Self::Ready => player.ready,
            Self::Started => player.started,
        }
    }

    /// Returns a line per player.
    pub(super) fn details(self, snapshot: &Snapshot) -> String {
        let mut lines = String::new();
        for player in &snapshot.players {
            let mark = if self.passes_for(player) { '+' } else { '-' };
            // A write to a string cannot fail.
            let _ = write!(lines, "[{mark}] {} {}", player.path, player.state);
            if mark == '-' {
                let _ = write!(lines, " for {}", HumanDuration(player.since));
            }
            if let Some(path) = &player.waits_for {
                let _ = write!(lines, ", waits for {path}");
            }
            if player.optional {
                lines.push_str(" (optional)");
            }
            lines.push('\n');
        }
        lines
    }
}
