//! The real conductor, contexts, groups, monitor and tracker under random and PCT schedules.
//!
//! What each scenario asserts holds for every order in which tasks, locks, channels and atomics may
//! follow each other, as far as the schedules reach; see "The reliability ladder" in
//! ARCHITECTURE.md.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod conductor;
mod context;
mod explore;
mod group;
mod handle;
mod monitor;
mod players;
mod spawned;
mod tracker;
