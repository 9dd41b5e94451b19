//! How a source waits for its next item.

use std::{io, time::Duration};

use super::{Control, stop::StopHandle};
use crate::pipeline::options::OnStop;

/// How a source waits for its next item.
#[derive(Debug)]
#[doc(hidden)]
pub struct SourceWait {
    run: Control,
    /// Dropping once its own section emits nothing more, whatever the others do.
    over: StopHandle,
    batch_time: Duration,
}

impl SourceWait {
    pub(crate) fn new(run: Control, over: StopHandle, batch_time: Duration) -> Self {
        Self { run, over, batch_time }
    }

    /// How long a batch may be filled by a source that cannot be asked what is there.
    pub(crate) fn patience(&self) -> Duration {
        self.batch_time
    }

    /// Whether there is no reason to wait any longer, for a source that is asked to stop like this.
    pub(crate) fn is_futile(&self, how: OnStop) -> bool {
        let stop = self.run.stop();
        self.over.is_dropping() || stop.is_dropping() || (how == OnStop::Finish && stop.is_stopping())
    }

    /// Waits until the future is ready; `None` if it is asked to stop before, at least so, or its section ends.
    pub(crate) fn unless_asked<F: Future>(&self, how: OnStop, future: F) -> io::Result<Option<F::Output>> {
        self.run.block_on(async {
            tokio::select! {
                biased;
                () = self.run.stop().asked(how) => None,
                () = self.over.asked(OnStop::Drop) => None,
                output = future => Some(output),
            }
        })
    }
}
