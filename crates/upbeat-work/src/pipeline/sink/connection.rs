//! Sinks that are connections to other pipelines.

use std::fmt;

use upbeat::{BoxError, panic::Panic};

use super::{
    deliver::Deliver,
    outbox::Outbox,
    traits::{FailureSink, Sink, SinkClosed, private::Sealed},
};
use crate::pipeline::{batch::Outputs, connection::ConnectionSender, control::Control};

/// The sink of [`send_to`](crate::Pipeline::send_to), [`route`](crate::Pipeline::route) and [`broadcast`](crate::Pipeline::broadcast).
pub struct ConnectionSink<T, P> {
    boxes: Vec<Outbox<T>>,
    place: P,
    run: Control,
    /// How many items it has got.
    given: u64,
    /// How many of them are in the boxes.
    placed: u64,
}

impl<T, P> ConnectionSink<T, P> {
    pub(crate) fn new(connections: impl IntoIterator<Item = ConnectionSender<T>>, place: P, run: Control) -> Self {
        Self { boxes: connections.into_iter().map(Outbox::new).collect(), place, run, given: 0, placed: 0 }
    }
}

impl<T: Send, P: Deliver<T>> ConnectionSink<T, P> {
    fn some(&mut self, mut items: impl Iterator<Item = T>, failures: &mut impl FailureSink) -> Result<(), SinkClosed> {
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
            let failure = failures.state().of_sink(self.given - 1, error);
            failures.take(failure)?;
        }
    }

    fn send(&mut self, failures: &mut impl FailureSink) -> Result<(), SinkClosed> {
        let placed = std::mem::take(&mut self.placed);
        let sent = self.boxes.iter_mut().try_for_each(|outbox| outbox.send(&self.run));
        let left = self.boxes.iter_mut().map(Outbox::clear);
        let left = if P::COPIES { left.max().unwrap_or_default() } else { left.sum() };
        failures.state().emitted += placed.saturating_sub(left);
        sent.map_err(|cause| match cause {
            Some(cause) => cause.into(),
            None => SinkClosed { cause: None, dropped: left },
        })
    }
}

impl<T: Send, P: Deliver<T>> Sink for ConnectionSink<T, P> {
    type Unit = T;
    type Output = ();

    fn emit(&mut self, outputs: &mut Outputs<T>, failures: &mut impl FailureSink) -> Result<(), SinkClosed> {
        let mut items = outputs.units.drain(..);
        let mut at = 0;
        for failed in outputs.failures.drain(..) {
            self.some(items.by_ref().take(failed.units - at), failures)?;
            at = failed.units;
            failures.take(failed.failure)?;
        }
        self.some(items, failures)
    }

    fn leave(&mut self) {
        // Those that receive have to see that nothing more comes.
        self.boxes.clear();
    }

    fn into_output(self) {}
}

impl<T, P> Sealed for ConnectionSink<T, P> {}

impl<T, P: fmt::Debug> fmt::Debug for ConnectionSink<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionSink").field("place", &self.place).field("given", &self.given).finish_non_exhaustive()
    }
}
