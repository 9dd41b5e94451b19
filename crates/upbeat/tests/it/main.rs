//! The tests of the crate in one program, which links the crate once. Tests that concern the whole
//! process (signals, leaks, memory, the compiler) are programs of their own.

mod common;

mod api;
mod blocked_worker;
mod canceled;
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
mod once;
mod own_end;
mod rate_limit;
mod restart;
mod root_cause;
mod shared;
mod stall;
mod start;
mod stop;
mod stuck;
mod timer;
mod tracker;
mod watchdog;
