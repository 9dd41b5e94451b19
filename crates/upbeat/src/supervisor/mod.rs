//! The control loop of one conductor: its state, its requests, and what watches its runs.

pub(crate) mod control;
pub(crate) mod convert;
pub(crate) mod driver;
pub(crate) mod history;
pub(crate) mod operate;
pub(crate) mod overrun;
pub(crate) mod request;
pub(crate) mod state;
pub(crate) mod stop_log;
pub(crate) mod view;
pub(crate) mod watchdog;
