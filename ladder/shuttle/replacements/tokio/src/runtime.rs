//! As `tokio::runtime`. There is one runtime, and all code runs in it.

use std::marker::PhantomData;

pub use shuttle_tokio::runtime::*;
use shuttle_tokio::task::JoinHandle;

/// As tokio's.
#[derive(Clone, Debug)]
pub struct Handle(shuttle_tokio::runtime::Handle);

/// As tokio's.
#[derive(Debug)]
pub struct EnterGuard<'a>(PhantomData<&'a Handle>);

/// As tokio's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuntimeFlavor {
    /// As tokio's.
    CurrentThread,
    /// As tokio's.
    MultiThread,
}

impl Handle {
    /// As tokio's.
    pub fn current() -> Self {
        Self(shuttle_tokio::runtime::Handle::current())
    }

    /// As tokio's.
    ///
    /// # Errors
    ///
    /// None: there always is one.
    pub fn try_current() -> Result<Self, TryCurrentError> {
        shuttle_tokio::runtime::Handle::try_current().map(Self)
    }

    /// Not that of a runtime whose clock can be paused: the clock of the ladder moves on by itself.
    pub fn runtime_flavor(&self) -> RuntimeFlavor {
        RuntimeFlavor::MultiThread
    }

    /// As tokio's.
    pub fn enter(&self) -> EnterGuard<'_> {
        EnterGuard(PhantomData)
    }

    /// As tokio's.
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        self.0.spawn(future)
    }

    /// As tokio's.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }
}
