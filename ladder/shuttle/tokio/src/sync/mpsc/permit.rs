use super::bounded::Channel;

/// As tokio's.
#[derive(Debug)]
pub struct Permit<'a, T>(PermitIterator<'a, T>);

/// As tokio's.
#[derive(Debug)]
pub struct PermitIterator<'a, T> {
    channel: &'a Channel<T>,
    places: usize,
}

impl<'a, T> PermitIterator<'a, T> {
    pub(super) fn new(channel: &'a Channel<T>, places: usize) -> Self {
        Self { channel, places }
    }

    /// With so many places more.
    pub(super) fn with(mut self, places: usize) -> Self {
        self.places += places;
        self
    }

    pub(super) fn single(self) -> Permit<'a, T> {
        Permit(self)
    }
}

impl<T> Permit<'_, T> {
    /// As tokio's.
    pub fn send(mut self, item: T) {
        self.0.places -= 1;
        self.0.channel.put(item);
    }
}

impl<'a, T> Iterator for PermitIterator<'a, T> {
    type Item = Permit<'a, T>;

    fn next(&mut self) -> Option<Permit<'a, T>> {
        self.places = self.places.checked_sub(1)?;
        Some(Self::new(self.channel, 1).single())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.places, Some(self.places))
    }
}

impl<T> ExactSizeIterator for PermitIterator<'_, T> {}

impl<T> Drop for PermitIterator<'_, T> {
    fn drop(&mut self) {
        self.channel.give_back(self.places);
    }
}
