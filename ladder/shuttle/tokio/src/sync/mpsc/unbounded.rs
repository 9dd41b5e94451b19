use shuttle_tokio::sync::mpsc::{UnboundedSender, error};

/// As tokio's.
pub fn unbounded_channel<T>() -> (UnboundedSender<T>, UnboundedReceiver<T>) {
    let (sender, receiver) = shuttle_tokio::sync::mpsc::unbounded_channel();
    (sender, UnboundedReceiver(receiver))
}

/// As tokio's.
#[derive(Debug)]
pub struct UnboundedReceiver<T>(shuttle_tokio::sync::mpsc::UnboundedReceiver<T>);

impl<T> UnboundedReceiver<T> {
    /// As tokio's.
    pub async fn recv(&mut self) -> Option<T> {
        self.0.recv().await
    }

    /// As tokio's: waits for the first, and takes those that are there then.
    pub async fn recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
        let Some(first) = self.0.recv().await else { return 0 };
        buffer.push(first);
        let mut taken = 1;
        while taken < limit
            && let Ok(next) = self.0.try_recv()
        {
            buffer.push(next);
            taken += 1;
        }
        taken
    }

    /// As tokio's.
    ///
    /// # Errors
    ///
    /// When nothing is there.
    pub fn try_recv(&mut self) -> Result<T, error::TryRecvError> {
        self.0.try_recv()
    }

    /// As tokio's.
    pub fn blocking_recv(&mut self) -> Option<T> {
        self.0.blocking_recv()
    }

    /// As tokio's.
    pub fn close(&mut self) {
        self.0.close();
    }
}
