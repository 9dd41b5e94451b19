//! The replacements and their originals: the same random scripts run on both, and are compared step
//! by step.
//!
//! `scripts` is compiled twice, with the originals and with the replacements under the names that
//! it uses.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]
#![expect(clippy::duplicate_mod, reason = "the same scripts run on both")]

mod compare;
#[expect(dead_code, reason = "scenarios use more of it")]
#[path = "../schedules/explore.rs"]
mod explore;
mod polled;
mod real;
mod replaced;

use compare::{compare, compare_in_time};

macro_rules! same {
    ($($name:ident),*) => {$(
        #[test]
        fn $name() {
            compare(real::scripts::$name::run, replaced::scripts::$name::run);
        }
    )*};
}

same!(bounded, unbounded, watch, notify, oneshot, semaphore, token, std_channel, locks, once_lock);

#[test]
fn timers() {
    compare_in_time(real::scripts::timers::run, replaced::scripts::timers::run);
}

#[test]
fn tasks() {
    compare_in_time(real::scripts::tasks::run, replaced::scripts::tasks::run);
}
