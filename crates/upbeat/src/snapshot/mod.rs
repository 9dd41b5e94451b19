//! The states of all players at one moment.

pub(crate) mod breadcrumb;
pub(crate) mod location;
pub(crate) mod outcome;
pub(crate) mod player;
pub(crate) mod work;

use std::{fmt, sync::Arc};

use self::player::PlayerSnapshot;
use crate::stop_cause::StopCause;

/// The states of all players at one moment.
///
/// The state of one conductor is of one moment. Nested conductors are read one after the other.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Snapshot {
    /// The name of the outermost conductor.
    pub name: Arc<str>,
    /// The cause of the stop, from the instant of the request on.
    pub stopping: Option<StopCause>,
    /// Whether everything is ready and nothing stops.
    pub ready: bool,
    /// Whether everything has been ready at some time.
    pub started: bool,
    /// The players, nested ones behind their conductor.
    pub players: Vec<PlayerSnapshot>,
}

impl Snapshot {
    /// Returns the players that the whole waits for to be ready, in the order of `players`.
    /// Optional players do not count.
    ///
    /// It does not depend on a stop, with which nothing is ready any more.
    pub fn not_ready(&self) -> Vec<&PlayerSnapshot> {
        self.players.iter().filter(|player| !player.ready && !player.optional).collect()
    }

    /// Returns the state of the whole as text: `ready`, `stopping: …` or `not ready: … is …`.
    pub fn summary(&self) -> String {
        match (&self.stopping, self.not_ready().first()) {
            (Some(cause), _) => format!("stopping: {cause}"),
            (None, Some(player)) => format!("not ready: {} is {}", player.path, player.state),
            (None, None) => "ready".to_owned(),
        }
    }

    /// Returns the player of this full path.
    pub fn player(&self, path: &str) -> Option<&PlayerSnapshot> {
        self.players.iter().find(|player| &*player.path == path)
    }

    /// Returns the players that delay the stop: they were asked to stop, and have not ended. A
    /// conductor is not among them if one of its own players is.
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
        write!(f, "{}: {}", self.name, self.summary())?;
        let width = self.players.iter().map(|player| player.path.chars().count()).max().unwrap_or(0).min(40);
        for player in &self.players {
            write!(f, "\n  {:width$}  {}", player.path, player.head())?;
            player.write_places(f, "      ")?;
        }
        Ok(())
    }
}
