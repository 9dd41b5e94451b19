//! The lock and the atomics of the hand-over: the real ones, or those of loom in its model.

#[cfg(not(upbeat_loom))]
pub(crate) use parking_lot::Mutex;
#[cfg(not(upbeat_loom))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};

#[cfg(upbeat_loom)]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};

/// Loom's mutex with the interface of `parking_lot`'s.
#[cfg(upbeat_loom)]
#[derive(Debug)]
pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

#[cfg(upbeat_loom)]
impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(loom::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
        self.0.lock().expect("no thread of a model panics and goes on")
    }
}
