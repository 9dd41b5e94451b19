use std::{error::Error, fmt, sync::Arc};

use shuttle_tokio::sync::TryAcquireError;

use super::permits::Permits;

/// As tokio's.
#[derive(Debug)]
pub struct Semaphore(Permits);

impl Semaphore {
    /// As tokio's.
    pub const MAX_PERMITS: usize = usize::MAX >> 3;

    /// As tokio's.
    ///
    /// # Panics
    ///
    /// If `permits` is more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    pub fn new(permits: usize) -> Self {
        assert!(permits <= Self::MAX_PERMITS, "a semaphore may not have more than MAX_PERMITS permits");
        Self(Permits::new(permits))
    }

    /// As tokio's.
    ///
    /// # Errors
    ///
    /// When it is closed.
    pub async fn acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.acquire_many(1).await
    }

    /// As tokio's.
    ///
    /// # Errors
    ///
    /// When it is closed.
    pub async fn acquire_many(&self, permits: u32) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.wait(permits).await?;
        Ok(SemaphorePermit { semaphore: self, permits })
    }

    /// As tokio's.
    ///
    /// # Errors
    ///
    /// When it is closed, or has no permit left.
    pub fn try_acquire(&self) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// As tokio's.
    ///
    /// # Errors
    ///
    /// When it is closed, or has not so many permits left.
    pub fn try_acquire_many(&self, permits: u32) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.0.try_acquire(permits as usize)?;
        Ok(SemaphorePermit { semaphore: self, permits })
    }

    /// As tokio's.
    ///
    /// # Errors
    ///
    /// When it is closed.
    pub async fn acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, AcquireError> {
        self.acquire_many_owned(1).await
    }

    /// As tokio's.
    ///
    /// # Errors
    ///
    /// When it is closed.
    pub async fn acquire_many_owned(self: Arc<Self>, permits: u32) -> Result<OwnedSemaphorePermit, AcquireError> {
        self.wait(permits).await?;
        Ok(OwnedSemaphorePermit { semaphore: self, permits })
    }

    /// As tokio's.
    ///
    /// # Errors
    ///
    /// When it is closed, or has no permit left.
    pub fn try_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.try_acquire_many_owned(1)
    }

    /// As tokio's.
    ///
    /// # Errors
    ///
    /// When it is closed, or has not so many permits left.
    pub fn try_acquire_many_owned(self: Arc<Self>, permits: u32) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.0.try_acquire(permits as usize)?;
        Ok(OwnedSemaphorePermit { semaphore: self, permits })
    }

    /// As tokio's.
    pub fn add_permits(&self, permits: usize) {
        self.0.release(permits);
    }

    /// As tokio's.
    pub fn available_permits(&self) -> usize {
        self.0.available()
    }

    /// As tokio's.
    pub fn close(&self) {
        self.0.close();
    }

    /// As tokio's.
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    async fn wait(&self, permits: u32) -> Result<(), AcquireError> {
        self.0.acquire(permits as usize).await.map_err(AcquireError)
    }
}

/// As tokio's.
#[derive(Debug)]
#[must_use]
pub struct SemaphorePermit<'a> {
    semaphore: &'a Semaphore,
    permits: u32,
}

impl SemaphorePermit<'_> {
    /// As tokio's.
    pub fn forget(mut self) {
        self.permits = 0;
    }

    /// As tokio's.
    pub fn num_permits(&self) -> usize {
        self.permits as usize
    }
}

impl Drop for SemaphorePermit<'_> {
    fn drop(&mut self) {
        self.semaphore.add_permits(self.permits as usize);
    }
}

/// As tokio's.
#[derive(Debug)]
#[must_use]
pub struct OwnedSemaphorePermit {
    semaphore: Arc<Semaphore>,
    permits: u32,
}

impl OwnedSemaphorePermit {
    /// As tokio's.
    pub fn forget(mut self) {
        self.permits = 0;
    }

    /// As tokio's.
    pub fn num_permits(&self) -> usize {
        self.permits as usize
    }
}

impl Drop for OwnedSemaphorePermit {
    fn drop(&mut self) {
        self.semaphore.add_permits(self.permits as usize);
    }
}

/// As tokio's.
#[derive(Debug)]
pub struct AcquireError(());

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("semaphore closed")
    }
}

impl Error for AcquireError {}
