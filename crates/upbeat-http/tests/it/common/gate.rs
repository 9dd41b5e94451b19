use std::sync::Arc;

use tokio::{sync::Semaphore, time::timeout};

use super::TEST_TIMEOUT;

/// A gate that blocks handlers until a test opens it, and that counts the handlers that have
/// arrived.
#[derive(Clone)]
pub(crate) struct Gate {
    open: Arc<Semaphore>,
    entered: Arc<Semaphore>,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self { open: Arc::new(Semaphore::new(0)), entered: Arc::new(Semaphore::new(0)) }
    }

    /// Blocks a handler until the gate is open.
    pub(crate) async fn pass(self) -> &'static str {
        self.entered.add_permits(1);
        let _ = self.open.acquire().await;
        "through the gate"
    }

    /// Waits until one more handler has arrived.
    pub(crate) async fn entered(&self) {
        let entered = timeout(TEST_TIMEOUT, self.entered.acquire()).await;
        entered.expect("a request arrives").expect("open").forget();
    }

    pub(crate) fn open(&self) {
        self.open.add_permits(1_000);
    }
}
