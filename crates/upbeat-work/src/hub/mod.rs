//! Every message to every member: see [`Hub`].

mod handle;
mod member;
mod outcome;
mod play;
mod shared;

pub use handle::Hub;
pub use member::Member;
pub use outcome::{Closed, Counts, Left, Sent};
