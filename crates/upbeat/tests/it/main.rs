//! The tests of the crate in one program, which links the crate once. Tests that concern the whole
//! process (signals, leaks, memory, the compiler) are programs of their own.

mod common;

mod api;
mod blocked_worker;
mod concurrency_limit;
mod context;
mod cron;
mod every;
mod foreign_code;
mod group;
mod handle;
mod log_events;
mod monitor;
mod monitor_alert;
mod rate_limit;
mod restart;
mod stall;
mod start;
mod stop;
mod stuck;
mod timer;
mod tracker;
mod watchdog;
