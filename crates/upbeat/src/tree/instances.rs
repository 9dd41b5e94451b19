//! The shared players of a tree of conductors, each of which is played at one place.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use parking_lot::Mutex;

use super::player_id::PlayerId;

/// A shared player, and the full path of the part that plays it.
#[derive(Clone, Debug)]
pub(crate) struct SharedPlayer {
    pub(crate) id: PlayerId,
    pub(crate) path: Arc<str>,
}

/// The list of the shared players of a part, to which [`Player::list_shared`] adds.
///
/// [`Player::list_shared`]: crate::Player::list_shared
#[derive(Debug, Default)]
pub struct SharedPlayers {
    /// The path of the present part.
    path: String,
    players: Vec<SharedPlayer>,
}

impl SharedPlayers {
    /// Returns an empty list, for the parts of a conductor with this path.
    pub(crate) fn below(path: &str) -> Self {
        Self { path: path.to_owned(), players: Vec::new() }
    }

    /// Adds a player of the present part.
    pub fn add(&mut self, player: PlayerId) {
        self.players.push(SharedPlayer { id: player, path: self.path.as_str().into() });
    }

    /// Adds the players of the part `name` inside the present one, as `list` lists them.
    pub fn part(&mut self, name: &str, list: impl FnOnce(&mut Self)) {
        let outer = self.path.len();
        if outer > 0 {
            self.path.push('/');
        }
        self.path.push_str(name);
        list(self);
        self.path.truncate(outer);
    }

    pub(crate) fn into_players(self) -> Vec<SharedPlayer> {
        self.players
    }

    /// Returns the players that two parts play. A player inside one that is itself returned is left
    /// out.
    pub(crate) fn duplicates(self) -> Vec<DuplicatePlayer> {
        let mut seen: HashMap<PlayerId, Arc<str>> = HashMap::new();
        let mut found: Vec<DuplicatePlayer> = Vec::new();
        for SharedPlayer { id, path } in self.players {
            let follows = |last: &DuplicatePlayer| {
                path.strip_prefix(&*last.path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            match seen.entry(id) {
                Entry::Vacant(entry) => _ = entry.insert(path),
                Entry::Occupied(entry) if *entry.get() == path || found.last().is_some_and(follows) => {}
                Entry::Occupied(entry) => found.push(DuplicatePlayer { path, other: entry.get().clone() }),
            }
        }
        found
    }
}

/// A shared player that another part of the tree plays too.
#[derive(Debug)]
pub(crate) struct DuplicatePlayer {
    pub(crate) path: Arc<str>,
    pub(crate) other: Arc<str>,
}

/// The shared players of all conductors of a tree, by the path of the part that plays each.
#[derive(Debug, Default)]
pub(crate) struct Instances {
    paths: Mutex<HashMap<PlayerId, Arc<str>>>,
}

impl Instances {
    /// Enters shared players, and returns those that were not entered before. A nested conductor
    /// finds its own players entered by the conductors around it.
    ///
    /// # Errors
    ///
    /// If another part plays one of them: the first such player. None are entered.
    pub(crate) fn enter(&self, players: &[SharedPlayer]) -> Result<Vec<PlayerId>, DuplicatePlayer> {
        let mut new = Vec::new();
        let mut paths = self.paths.lock();
        for SharedPlayer { id, path } in players {
            match paths.entry(*id) {
                Entry::Vacant(entry) => {
                    entry.insert(path.clone());
                    new.push(*id);
                }
                Entry::Occupied(entry) if entry.get() == path => {}
                Entry::Occupied(entry) => {
                    let duplicate = DuplicatePlayer { path: path.clone(), other: entry.get().clone() };
                    for id in new {
                        paths.remove(&id);
                    }
                    return Err(duplicate);
                }
            }
        }
        Ok(new)
    }

    /// Removes players that [`enter`](Instances::enter) has returned.
    pub(crate) fn leave(&self, players: impl IntoIterator<Item = PlayerId>) {
        let mut players = players.into_iter().peekable();
        if players.peek().is_some() {
            let mut paths = self.paths.lock();
            players.for_each(|id| _ = paths.remove(&id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_player_has_one_place_until_it_leaves() {
        let (one, two) = (Arc::new(1), Arc::new(2));
        let shared = |of: &Arc<i32>, path: &str| SharedPlayer { id: PlayerId::of(of), path: path.into() };
        let instances = Instances::default();
        let entered = instances.enter(&[shared(&one, "shop/a")]).expect("it is the first");
        assert_eq!(instances.enter(&[shared(&one, "shop/a")]).expect("it is the same place"), []);
        let duplicate = instances.enter(&[shared(&two, "shop/c"), shared(&one, "shop/b")]).expect_err("it is there");
        assert_eq!((&*duplicate.path, &*duplicate.other), ("shop/b", "shop/a"));
        // Nothing of a refused list is left.
        assert!(instances.enter(&[shared(&two, "shop/d")]).is_ok());
        instances.leave(entered);
        assert!(instances.enter(&[shared(&one, "shop/b")]).is_ok());
    }
}
