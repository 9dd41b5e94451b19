//! Bounded calls of dependencies that may hang.

mod alert;
mod builder;
mod call;
mod calls;
mod counts;
mod error;
mod handle;
mod locate;
mod settings;
mod watch;

pub use alert::{ActiveCall, Alert, MonitorSnapshot};
pub use builder::MonitorBuilder;
pub use counts::CallCounts;
pub use error::CallError;
pub use handle::Monitor;
