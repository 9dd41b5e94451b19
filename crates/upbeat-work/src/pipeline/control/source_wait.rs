//! The waiting of a source for its next item.

use std::{io, time::Duration};

use super::{Control, stop::StopHandle};
use crate::pipeline::options::OnStop;

/// The means of a source to wait for its next item until a stop.
#[derive(Debug)]
pub struct SourceWait {
    control: Control,
    /// Dropping once the source's own section emits nothing more, whatever other sections do.
    section: StopHandle,
    batch_time: Duration,
}

impl SourceWait {
    pub(crate) fn new(control: Control, section: StopHandle, batch_time: Duration) -> Self {
        Self { control, section, batch_time }
    }

    /// Returns how long a source may fill a batch if it cannot tell whether its next item is there.
    pub(crate) fn batch_time(&self) -> Duration {
        self.batch_time
    }

    /// Returns whether a source that heeds a stop of this kind has to wait no longer.
    pub(crate) fn is_over(&self, heeded: OnStop) -> bool {
        let stop = self.control.stop();
        self.section.is_dropping() || stop.is_dropping() || (heeded == OnStop::Finish && stop.is_stopping())
    }

    /// Waits for the future. Returns `None` if there is a stop of at least this kind before that,
    /// or if the section ends.
    pub(crate) fn until_stop<F: Future>(&self, heeded: OnStop, future: F) -> io::Result<Option<F::Output>> {
        self.control.block_on(async {
            tokio::select! {
                biased;
                () = self.control.stop().requested(heeded) => None,
                () = self.section.requested(OnStop::Drop) => None,
                output = future => Some(output),
            }
        })
    }
}
