//! Calls of something that may hang.

mod alert;
mod call;
mod error;
mod handle;
mod state;

pub use alert::{ActiveCall, Alert, CallPlace, MonitorSnapshot};
pub use error::CallError;
pub use handle::Monitor;
pub use state::CallCounts;
