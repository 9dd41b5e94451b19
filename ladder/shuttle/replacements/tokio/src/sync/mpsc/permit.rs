use super::bounded::Channel;

/// As tokio's.
#[derive(Debug)]
pub struct Permit<'a, T> {
    /// `None` once it is used.
    channel: Option<&'a Channel<T>>,
}

impl<'a, T> Permit<'a, T> {
    pub(super) fn new(channel: &'a Channel<T>) -> Self {
        Self { channel: Some(channel) }
    }

    /// As tokio's.
    pub fn send(mut self, item: T) {
        if let Some(channel) = self.channel.take() {
            channel.put(item);
        }
    }
}

impl<T> Drop for Permit<'_, T> {
    fn drop(&mut self) {
        if let Some(channel) = self.channel {
            channel.give_back();
        }
    }
}
