//! The sink of a section that has another one behind it.

use std::sync::Arc;

use tokio::sync::mpsc::{Sender, error::TrySendError};

use super::traits::{FailureSink, Sink, SinkClosed, private::Sealed};
use crate::pipeline::{
    batch::{Forwarded, Outputs},
    control::Control,
    meter::LinkFill,
    outcome::PipelineFailure,
};

/// Sends batches whole.
pub(crate) struct SectionSink<T> {
    to: Option<Sender<Vec<Forwarded<T>>>>,
    fill: Arc<LinkFill>,
    run: Control,
}

impl<T> SectionSink<T> {
    pub(crate) fn new(to: Sender<Vec<Forwarded<T>>>, fill: Arc<LinkFill>, run: Control) -> Self {
        Self { to: Some(to), fill, run }
    }
}

impl<T: Send> Sink for SectionSink<T> {
    type Unit = Forwarded<T>;
    type Output = ();

    fn emit(&mut self, outputs: &mut Outputs<Forwarded<T>>, _: &mut impl FailureSink) -> Result<(), SinkClosed> {
        let count = outputs.units.len();
        if count == 0 {
            return Ok(());
        }
        let room = match self.to.as_ref().map(|to| (to, to.try_reserve())) {
            Some((_, Ok(room))) => Some(room),
            Some((to, Err(TrySendError::Full(())))) => {
                let room =
                    self.run.unless_dropping(to.reserve()).map_err(|error| PipelineFailure::Sink(error.into()))?;
                room.and_then(Result::ok)
            }
            Some((_, Err(TrySendError::Closed(())))) | None => None,
        };
        // Why the section behind has ended, it knows itself.
        let Some(room) = room else { return Err(SinkClosed { cause: None, dropped: count as u64 }) };
        room.send(std::mem::replace(&mut outputs.units, Vec::with_capacity(count)));
        if let Some(to) = &self.to {
            self.fill.set(to.max_capacity() - to.capacity());
        }
        Ok(())
    }

    fn leave(&mut self) {
        self.to = None;
    }

    fn into_output(self) {}
}

impl<T> Sealed for SectionSink<T> {}
