use tokio::sync::watch;

/// An event that happens once.
#[derive(Clone, Debug)]
pub struct Event(watch::Sender<bool>);

impl Default for Event {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Event {
    /// Sets it, and wakes all waiters.
    pub fn set(&self) {
        self.0.send_replace(true);
    }

    /// Returns whether it is set.
    pub fn is_set(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is set.
    pub async fn wait(&self) {
        self.0.subscribe().wait_for(|set| *set).await.unwrap();
    }
}
