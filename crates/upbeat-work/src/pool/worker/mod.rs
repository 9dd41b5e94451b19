//! The workers of a pool.

pub(crate) mod call;
pub(crate) mod end;
mod pace;
pub(crate) mod run;
pub(crate) mod scale;
pub(crate) mod settings;
pub(crate) mod shared;
mod state;

use upbeat::Context;

/// The worker for which a state is built: the argument of the function that builds it.
#[derive(Clone, Debug)]
pub struct Worker {
    number: usize,
    cx: Context,
}

impl Worker {
    pub(crate) fn new(number: usize, cx: Context) -> Self {
        Self { number, cx }
    }

    /// Returns the number of the worker in this run of the pool. Numbers begin with zero, and none
    /// is used twice.
    pub fn number(&self) -> usize {
        self.number
    }

    /// Returns the context in which the pool was started.
    pub fn context(&self) -> &Context {
        &self.cx
    }
}
