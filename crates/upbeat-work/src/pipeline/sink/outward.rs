//! Sinks that are connections to other pipelines.

use std::fmt;

use upbeat::{BoxError, Panic};

use super::{
    outbox::Outbox,
    place::Place,
    traits::{Failures, NoMore, Sink, private::Sealed},
};
use crate::pipeline::{batch::Tray, connection::Inlet, control::Run};

/// The sink of [`send_to`](crate::Pipeline::send_to), [`route`](crate::Pipeline::route) and [`broadcast`](crate::Pipeline::broadcast).
pub struct Outward<T, P> {
    boxes: Vec<Outbox<T>>,
    place: P,
    run: Run,
    /// How many items it has got.
    given: u64,
    /// How many of them are in the boxes.
    placed: u64,
}

impl<T, P> Outward<T, P> {
    pub(crate) fn new(inlets: impl IntoIterator<Item = Inlet<T>>, place: P, run: Run) -> Self {
        Self { boxes: inlets.into_iter().map(Outbox::new).collect(), place, run, given: 0, placed: 0 }
    }
}

impl<T: Send, P: Place<T>> Outward<T, P> {
    fn some(&mut self, mut items: impl Iterator<Item = T>, failures: &mut impl Failures) -> Result<(), NoMore> {
        loop {
            let placed = Panic::catch(|| {
                items.try_for_each(|item| {
                    self.given += 1;
                    self.place.place(item, &mut self.boxes)?;
                    self.placed += 1;
                    Ok::<_, BoxError>(())
                })
            });
            self.send(failures)?;
            let Err(error) = placed.unwrap_or_else(|panic| Err(panic.into())) else { return Ok(()) };
            let failure = failures.tally().of_sink(self.given - 1, error);
            failures.take(failure)?;
        }
    }

    fn send(&mut self, failures: &mut impl Failures) -> Result<(), NoMore> {
        let placed = std::mem::take(&mut self.placed);
        let sent = self.boxes.iter_mut().try_for_each(|outbox| outbox.send(&self.run));
        let left = self.boxes.iter_mut().map(Outbox::clear);
        let left = if P::COPIES { left.max().unwrap_or_default() } else { left.sum() };
        failures.tally().emitted += placed.saturating_sub(left);
        sent.map_err(|cause| match cause {
            Some(cause) => cause.into(),
            None => NoMore { cause: None, dropped: left },
        })
    }
}

impl<T: Send, P: Place<T>> Sink for Outward<T, P> {
    type Unit = T;
    type Output = ();

    fn emit(&mut self, tray: &mut Tray<T>, failures: &mut impl Failures) -> Result<(), NoMore> {
        let mut items = tray.units.drain(..);
        let mut at = 0;
        for misfit in tray.failures.drain(..) {
            self.some(items.by_ref().take(misfit.units - at), failures)?;
            at = misfit.units;
            failures.take(misfit.failure)?;
        }
        self.some(items, failures)
    }

    fn leave(&mut self) {
        // Those that receive have to see that nothing more comes.
        self.boxes.clear();
    }

    fn into_output(self) {}
}

impl<T, P> Sealed for Outward<T, P> {}

impl<T, P: fmt::Debug> fmt::Debug for Outward<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outward").field("place", &self.place).field("given", &self.given).finish_non_exhaustive()
    }
}
