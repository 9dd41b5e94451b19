//! The names of the clients in the room.

use std::{collections::HashSet, fmt, sync::Arc};

use parking_lot::Mutex;

/// The maximum number of characters in a name.
const MAX_LENGTH: usize = 32;

/// The names in use.
#[derive(Clone, Default)]
pub(crate) struct Names {
    taken: Arc<Mutex<HashSet<Arc<str>>>>,
}

/// A unique name, which is released on drop.
pub(crate) struct Name {
    name: Arc<str>,
    names: Names,
}

/// The error of an invalid name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidName {
    #[error("name too long, at most {MAX_LENGTH} characters")]
    TooLong,
    #[error("name has invisible characters")]
    Invisible,
}

impl Names {
    /// Takes the requested name. If it is taken, adds a number. If it is empty, takes `guest`.
    pub(crate) fn take(&self, requested: &str) -> Result<Name, InvalidName> {
        let requested = match requested.trim() {
            "" => "guest",
            requested => requested,
        };
        if requested.chars().count() > MAX_LENGTH {
            return Err(InvalidName::TooLong);
        }
        if requested.chars().any(is_invisible) {
            return Err(InvalidName::Invisible);
        }
        let mut taken = self.taken.lock();
        let mut name: Arc<str> = requested.into();
        for number in 2.. {
            if taken.insert(name.clone()) {
                break;
            }
            name = format!("{requested} ({number})").into();
        }
        drop(taken);
        Ok(Name { name, names: self.clone() })
    }
}

/// Returns whether a character could make a name look like another one, or control a terminal:
/// control characters, and characters without width or that change the direction of text.
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
