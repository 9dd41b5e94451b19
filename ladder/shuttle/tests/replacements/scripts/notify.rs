//! `tokio::sync::Notify`.
//!
//! In tokio `notify_one` wakes the first waiter, in the replacement a random one. A script
//! therefore calls it only if at most one can be woken.

use std::{future::Future, pin::Pin, sync::Arc};

use super::super::tokio::sync::{Notify, futures::Notified};
use crate::polled::{Flag, marks};

#[derive(Clone, Copy, PartialEq)]
enum Waits {
    /// For `notify_waiters` only.
    Created,
    Enabled,
    ByOne,
    ByAll,
}

struct Waiter<'a> {
    notified: Pin<Box<Notified<'a>>>,
    flag: Arc<Flag>,
    waits: Waits,
}

pub(crate) fn run(script: &[(u8, u8)]) -> Vec<String> {
    let notify = Notify::new();
    let mut waiters: Vec<Waiter<'_>> = Vec::new();
    let mut lines = Vec::new();
    for &(operation, n) in script {
        if let Some(line) = step(&notify, &mut waiters, operation, n) {
            lines.push(format!("{line}; {}", marks(waiters.iter().map(|waiter| &waiter.flag))));
        }
    }
    lines
}

fn step<'a>(notify: &'a Notify, waiters: &mut Vec<Waiter<'a>>, operation: u8, n: u8) -> Option<String> {
    let enabled = waiters.iter().filter(|waiter| waiter.waits == Waits::Enabled).count();
    let at = usize::from(n).checked_rem(waiters.len());
    Some(match operation % 9 {
        0 | 1 if waiters.len() < 4 => {
            waiters.push(Waiter { notified: Box::pin(notify.notified()), flag: Arc::default(), waits: Waits::Created });
            "notified".to_owned()
        }
        2 => {
            let waiter = &mut waiters[at?];
            let ready = waiter.notified.as_mut().enable();
            if ready {
                waiters.remove(at?);
            } else if waiter.waits == Waits::Created {
                waiter.waits = Waits::Enabled;
            }
            format!("enable {ready}")
        }
        3..=5 => {
            let waiter = &mut waiters[at?];
            let polled = waiter.flag.poll(|cx| waiter.notified.as_mut().poll(cx));
            if polled.is_ready() {
                waiters.remove(at?);
            } else if waiter.waits == Waits::Created {
                waiter.waits = Waits::Enabled;
            }
            format!("poll {polled:?}")
        }
        // A waiter that was notified passes it on.
        6 if enabled < 2 || waiters[at?].waits != Waits::ByOne => {
            let passed_on = waiters.remove(at?).waits == Waits::ByOne;
            if passed_on {
                mark(waiters, Waits::ByOne, |waits| waits == Waits::Enabled);
            }
            "drop".to_owned()
        }
        7 if enabled < 2 => {
            notify.notify_one();
            mark(waiters, Waits::ByOne, |waits| waits == Waits::Enabled);
            "notify_one".to_owned()
        }
        8 => {
            notify.notify_waiters();
            mark(waiters, Waits::ByAll, |waits| matches!(waits, Waits::Created | Waits::Enabled));
            "notify_waiters".to_owned()
        }
        _ => return None,
    })
}

fn mark(waiters: &mut [Waiter<'_>], waits: Waits, which: impl Fn(Waits) -> bool) {
    waiters.iter_mut().filter(|waiter| which(waiter.waits)).for_each(|waiter| waiter.waits = waits);
}
