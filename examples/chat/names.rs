//! The names of those who are in the room.

use std::{collections::HashSet, fmt, sync::Arc};

use parking_lot::Mutex;

/// How many characters a name may have.
const LONGEST: usize = 32;

/// The names that are taken.
#[derive(Clone, Default)]
pub(crate) struct Names {
    taken: Arc<Mutex<HashSet<Arc<str>>>>,
}

/// A name that nobody else has until this is dropped.
pub(crate) struct Name {
    name: Arc<str>,
    names: Names,
}

/// Why nobody can have this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadName {
    #[error("a name has at most {LONGEST} characters")]
    TooLong,
    #[error("a name consists of visible characters")]
    Invisible,
}

impl Names {
    /// Takes the name that is wanted; with a number if somebody has it, and `guest` if it is empty.
    pub(crate) fn take(&self, wanted: &str) -> Result<Name, BadName> {
        let wanted = match wanted.trim() {
            "" => "guest",
            wanted => wanted,
        };
        if wanted.chars().count() > LONGEST {
            return Err(BadName::TooLong);
        }
        if wanted.chars().any(is_invisible) {
            return Err(BadName::Invisible);
        }
        let mut taken = self.taken.lock();
        let mut name: Arc<str> = wanted.into();
        for number in 2.. {
            if taken.insert(name.clone()) {
                break;
            }
            name = format!("{wanted} ({number})").into();
        }
        drop(taken);
        Ok(Name { name, names: self.clone() })
    }
}

/// What would let one name pass for another, or disturb a terminal: control characters, and those that have no width or turn the direction of what follows.
fn is_invisible(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        self.names.taken.lock().remove(&self.name);
    }
}
