//! From the names of parts to their places.

use std::hash::{BuildHasher as _, RandomState};

use hashbrown::HashTable;

/// Finds a part's place by its name. The names stay where the parts are, which makes this a fifth of a map with names of its own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    places: HashTable<u32>,
    hasher: RandomState,
}

impl Index {
    pub(crate) fn with_capacity(parts: usize) -> Self {
        Self { places: HashTable::with_capacity(parts), hasher: RandomState::new() }
    }

    /// The place of the part with this name. `name_at` knows the names.
    pub(crate) fn find<'a>(&self, name: &str, name_at: impl Fn(u32) -> &'a str) -> Option<u32> {
        self.places.find(self.hasher.hash_one(name), |&place| name_at(place) == name).copied()
    }

    /// Enters a part, whose name is known already, and returns whether no other has that name. The first of two is kept.
    pub(crate) fn insert<'a>(&mut self, place: u32, name_at: impl Fn(u32) -> &'a str) -> bool {
        let name = name_at(place);
        if self.find(name, &name_at).is_some() {
            return false;
        }
        let hash = self.hasher.hash_one(name);
        self.places.insert_unique(hash, place, |&other| self.hasher.hash_one(name_at(other)));
        true
    }

    /// Forgets a part.
    pub(crate) fn remove(&mut self, place: u32, name: &str) {
        if let Ok(entry) = self.places.find_entry(self.hasher.hash_one(name), |&other| other == place) {
            entry.remove();
        }
    }
}
