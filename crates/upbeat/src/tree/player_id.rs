//! The identity of shared players.

use std::sync::Arc;

/// The identity of a player whose clones share their state.
///
/// ```
/// use std::sync::Arc;
/// use upbeat::player::PlayerId;
///
/// let (state, other) = (Arc::new(0), Arc::new(0));
/// assert_eq!(PlayerId::of(&state), PlayerId::of(&state.clone()));
/// assert_ne!(PlayerId::of(&state), PlayerId::of(&other));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlayerId(usize);

impl PlayerId {
    /// Returns the identity of a shared state. It is unique while the state lives.
    pub fn of<T: ?Sized>(shared: &Arc<T>) -> Self {
        Self(Arc::as_ptr(shared).addr())
    }
}
