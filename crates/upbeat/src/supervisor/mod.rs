//! The control loop of one conductor, and what belongs to it.

pub(crate) mod control;
pub(crate) mod driver;
pub(crate) mod handle_error;
pub(crate) mod history;
pub(crate) mod operate;
pub(crate) mod overrun;
pub(crate) mod request;
pub(crate) mod state;
pub(crate) mod stop_log;
pub(crate) mod view;
pub(crate) mod watchdog;
