use std::fmt::Write as _;

use upbeat::{PlayerSnapshot, Snapshot};

use crate::text::Age;

/// What a probe asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Probe {
    Live,
    Ready,
    Started,
}

impl Probe {
    /// Why the answer is no; `None` when it is yes.
    pub(super) fn objection(self, snapshot: &Snapshot) -> Option<String> {
        match self {
            // Whoever can answer is alive. Being not ready, or stopping, is no reason to be killed.
            Self::Live => None,
            Self::Ready => snapshot.not_ready(),
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

    fn holds_for(self, player: &PlayerSnapshot) -> bool {
        match self {
            Self::Live | Self::Ready => player.ready,
            Self::Started => player.started,
        }
    }

    /// A line for each player.
    pub(super) fn details(self, snapshot: &Snapshot) -> String {
        let mut lines = String::new();
        for player in &snapshot.players {
            let mark = if self.holds_for(player) { '+' } else { '-' };
            // Writing to a string does not fail.
            let _ = write!(lines, "[{mark}] {} {}", player.path, player.state);
            if mark == '-' {
                let _ = write!(lines, " for {}", Age(player.since));
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
