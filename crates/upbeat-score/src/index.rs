//! A map from the names of parts to their slots.

use std::hash::{BuildHasher as _, RandomState};

use hashbrown::HashTable;

/// A hash index of slot numbers by part name.
///
/// The names stay in the slots, so the index takes a fifth of the memory of a map that owns them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    slots: HashTable<u32>,
    hasher: RandomState,
}

impl Index {
    pub(crate) fn with_capacity(parts: usize) -> Self {
        Self { slots: HashTable::with_capacity(parts), hasher: RandomState::new() }
    }

    /// Returns the slot of the part with this name. `name_at` returns the name in a slot.
    pub(crate) fn find<'a>(&self, name: &str, name_at: impl Fn(u32) -> &'a str) -> Option<u32> {
        self.slots.find(self.hasher.hash_one(name), |&slot| name_at(slot) == name).copied()
    }

    /// Inserts `slot`, unless another slot has the same name. Returns whether it was inserted.
    pub(crate) fn insert<'a>(&mut self, slot: u32, name_at: impl Fn(u32) -> &'a str) -> bool {
        let name = name_at(slot);
        if self.find(name, &name_at).is_some() {
            return false;
        }
        let hash = self.hasher.hash_one(name);
        self.slots.insert_unique(hash, slot, |&other| self.hasher.hash_one(name_at(other)));
        true
    }

    /// Removes `slot`, whose part has this name.
    pub(crate) fn remove(&mut self, slot: u32, name: &str) {
        if let Ok(entry) = self.slots.find_entry(self.hasher.hash_one(name), |&other| other == slot) {
            entry.remove();
        }
    }
}
