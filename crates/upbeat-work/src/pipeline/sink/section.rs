//! The next section as a sink.

use std::sync::Arc;

use tokio::sync::mpsc::{Sender, error::TrySendError};

use super::traits::{FailureSink, Sink, SinkClosed};
use crate::pipeline::{
    batch::{Forwarded, Outputs},
    control::Control,
    meter::LinkFill,
    outcome::PipelineFailure,
};

/// The sink of a section before others, which sends whole batches.
pub(crate) struct SectionSink<T> {
    to: Option<Sender<Vec<Forwarded<T>>>>,
    fill: Arc<LinkFill>,
    control: Control,
}

impl<T> SectionSink<T> {
    pub(crate) fn new(to: Sender<Vec<Forwarded<T>>>, fill: Arc<LinkFill>, control: Control) -> Self {
        Self { to: Some(to), fill, control }
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
        let permit = match self.to.as_ref().map(|to| (to, to.try_reserve())) {
            Some((_, Ok(permit))) => Some(permit),
            Some((to, Err(TrySendError::Full(())))) => {
                let permit =
                    self.control.until_dropping(to.reserve()).map_err(|error| PipelineFailure::Sink(error.into()))?;
                permit.and_then(Result::ok)
            }
            Some((_, Err(TrySendError::Closed(())))) | None => None,
        };
        // The section behind has the cause of its end.
        let Some(permit) = permit else { return Err(SinkClosed { cause: None, dropped: count as u64 }) };
        permit.send(std::mem::replace(&mut outputs.units, Vec::with_capacity(count)));
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
