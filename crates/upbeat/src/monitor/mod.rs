//! Calls of something that may hang.

mod alert;
mod error;
mod handle;
mod place;
mod state;

pub use alert::{ActiveCall, Alert, CallPlace, MonitorSnapshot};
pub use error::CallError;
pub use handle::Monitor;
pub use state::CallCounts;
