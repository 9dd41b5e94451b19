//! x
/// When a run of a part counts as ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Readiness {
    /// Once its first poll has returned pending. For workers that need nothing to be set up.
    #[default]
    AtStart,
    /// Once the player says so. For servers and whatever else has to be set up.
    Signalled,
}
