//! Connections to other pipelines as a sink.

use std::fmt;

use upbeat::{BoxError, panic::Panic};

use super::{
    deliver::Deliver,
    outbox::Outbox,
    runs::{EmitRun, emit_runs},
    traits::{FailureSink, Sink, SinkClosed},
};
use crate::pipeline::{batch::Outputs, connection::ConnectionSender, control::Control};

/// The sink of [`send_to`](crate::Pipeline::send_to), [`route`](crate::Pipeline::route) and
/// [`broadcast`](crate::Pipeline::broadcast).
pub struct ConnectionSink<T, P> {
    boxes: Vec<Outbox<T>>,
    deliver: P,
    control: Control,
    /// The number of items that the sink has received.
    received: u64,
    /// The number of received items that are in the boxes.
    placed: u64,
}

impl<T, P> ConnectionSink<T, P> {
    pub(crate) fn new(to: impl IntoIterator<Item = ConnectionSender<T>>, deliver: P, control: Control) -> Self {
        Self { boxes: to.into_iter().map(Outbox::new).collect(), deliver, control, received: 0, placed: 0 }
    }
}

impl<T: Send, P: Deliver<T>> ConnectionSink<T, P> {
    fn send(&mut self, failures: &mut impl FailureSink) -> Result<(), SinkClosed> {
        let placed = std::mem::take(&mut self.placed);
        let sent = self.boxes.iter_mut().try_for_each(|outbox| outbox.send(&self.control));
        let left = self.boxes.iter_mut().map(Outbox::clear);
        let left = if P::COPIES { left.max().unwrap_or_default() } else { left.sum() };
        failures.state().emitted += placed.saturating_sub(left);
        sent.map_err(|cause| match cause {
            Some(cause) => cause.into(),
            None => SinkClosed { cause: None, dropped: left },
        })
    }
}

impl<T: Send, P: Deliver<T>> EmitRun<T> for ConnectionSink<T, P> {
    fn emit_run(
        &mut self,
        mut items: impl ExactSizeIterator<Item = T>,
        failures: &mut impl FailureSink,
    ) -> Result<(), SinkClosed> {
        loop {
            let placed = Panic::catch(|| {
                items.try_for_each(|item| {
                    self.received += 1;
                    self.deliver.deliver(item, &mut self.boxes)?;
                    self.placed += 1;
                    Ok::<_, BoxError>(())
                })
            });
            self.send(failures)?;
            let Err(error) = placed.unwrap_or_else(|panic| Err(panic.into())) else { return Ok(()) };
            let failure = failures.state().failure(self.received - 1, error);
            failures.take(failure)?;
        }
    }
}

impl<T: Send, P: Deliver<T>> Sink for ConnectionSink<T, P> {
    type Unit = T;
    type Output = ();

    fn emit(&mut self, outputs: &mut Outputs<T>, failures: &mut impl FailureSink) -> Result<(), SinkClosed> {
        emit_runs(self, outputs, failures)
    }

    fn leave(&mut self) {
        // The receiving pipelines end when their senders are dropped.
        self.boxes.clear();
    }

    fn into_output(self) {}
}

impl<T, P: fmt::Debug> fmt::Debug for ConnectionSink<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionSink")
            .field("deliver", &self.deliver)
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}
