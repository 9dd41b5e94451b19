//! Sources of items.

mod channel;
mod connected;
mod groups;
mod items;
mod reader;
mod split;
mod stream;
mod traits;

pub use channel::{Channel, Received};
pub use connected::Connected;
pub use groups::Groups;
pub use items::Items;
pub use reader::{Blocks, Lines};
pub(crate) use split::Front;
pub use split::Split;
pub use stream::Streamed;
pub use traits::Source;
pub(crate) use traits::{Feed, Filled};

pub use crate::pipeline::batch::Block;
