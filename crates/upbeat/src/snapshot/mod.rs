//! What everybody was doing at one moment.

pub(crate) mod breadcrumb;
pub(crate) mod location;
pub(crate) mod outcome;
pub(crate) mod player;
pub(crate) mod work;

use std::{fmt, sync::Arc};

use self::player::PlayerSnapshot;
use crate::stop_cause::StopCause;

/// What everybody was doing at one moment.
///
/// Each conductor is seen at one moment; those nested in each other one after the other.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Snapshot {
    /// The name of the outermost conductor.
    pub name: Arc<str>,
    /// Why everything stops, from the instant that this is decided.
    pub stopping: Option<StopCause>,
    /// Whether everything is ready, and nothing stops.
    pub ready: bool,
    /// Whether everything has been ready at some time.
    pub started: bool,
    /// The players, nested ones behind their conductor.
    pub players: Vec<PlayerSnapshot>,
}

impl Snapshot {
    /// Why it is not ready, in words; `None` when it is.
    pub fn not_ready(&self) -> Option<String> {
        if let Some(cause) = &self.stopping {
            return Some(format!("stopping: {cause}"));
        }
        let missing = self.players.iter().find(|player| !player.ready && !player.optional)?;
        Some(format!("not ready: {} is {}", missing.path, missing.state))
    }

    /// The player of this full path.
    pub fn player(&self, path: &str) -> Option<&PlayerSnapshot> {
        self.players.iter().find(|player| &*player.path == path)
    }

    /// Those who keep a stop from coming to its end: they were asked to stop, and are not gone. A conductor is not among them while
    /// one of its own players is.
    pub fn delaying_stop(&self) -> impl Iterator<Item = &PlayerSnapshot> {
        self.players.iter().enumerate().filter_map(|(i, player)| {
            // Nested players stand behind their conductor.
            let is_inside = |other: &&PlayerSnapshot| {
                other.path.strip_prefix(&*player.path).is_some_and(|rest| rest.starts_with('/'))
            };
            let mut inside = self.players[i + 1..].iter().take_while(is_inside);
            (player.state.delays_stop() && !inside.any(|inner| inner.state.delays_stop())).then_some(player)
        })
    }
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.not_ready().unwrap_or_else(|| "ready".into()))?;
        let width = self.players.iter().map(|player| player.path.chars().count()).max().unwrap_or(0).min(40);
        for player in &self.players {
            write!(f, "\n  {:width$}  {}", player.path, player.head())?;
            player.write_places(f, "      ")?;
        }
        Ok(())
    }
}
