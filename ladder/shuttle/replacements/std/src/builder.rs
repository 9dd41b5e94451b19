use std::io;

use shuttle::thread::{self, JoinHandle, Scope, ScopedJoinHandle};

/// As `std::thread::Builder`: shuttle's lacks threads of a scope.
#[derive(Debug, Default)]
pub struct Builder(thread::Builder);

impl Builder {
    /// As the standard one's.
    pub fn new() -> Self {
        Self::default()
    }

    /// As the standard one's.
    pub fn name(self, name: String) -> Self {
        Self(self.0.name(name))
    }

    /// As the standard one's.
    ///
    /// # Errors
    ///
    /// None: there are always enough threads.
    pub fn spawn<F, T>(self, work: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.0.spawn(work)
    }

    /// As the standard one's, but for the name.
    ///
    /// # Errors
    ///
    /// None: there are always enough threads.
    pub fn spawn_scoped<'scope, F, T>(
        self,
        scope: &'scope Scope<'scope, '_>,
        work: F,
    ) -> io::Result<ScopedJoinHandle<'scope, T>>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        Ok(scope.spawn(work))
    }
}
