//! The handle to the meters of a pipeline.

use std::{fmt, sync::Arc};

use super::{reading::MeterReading, registry::MeterRegistry};

/// A handle that reads the state of a pipeline, from any thread, during the run and afterwards.
///
/// It is cheap to clone. [`Runnable::meter`](crate::pipeline::Runnable::meter) makes it.
///
/// ```
/// use upbeat_work::Pipeline;
///
/// let run = Pipeline::from_iter(0..200_u64)
///     .map(|n| (0..20_000).fold(n, |hash, n| std::hint::black_box(hash * 31 + n) % 1_000_003))
///     .name("hash")
///     .for_each(drop);
/// let meter = run.meter();
/// run.run()?;
/// let reading = meter.read();
/// assert_eq!((reading.taken, reading.emitted), (200, 200));
/// println!("{reading}"); // 200 items, 4.0 k/s, 97 % in hash, window 0/8
/// for stage in &reading.sections[0].stages {
///     println!("{:.0} % in {}, {:?} for an item", stage.share * 100.0, stage.name, stage.per_item);
/// }
/// # Ok::<_, upbeat_work::PipelineError<()>>(())
/// ```
#[derive(Clone)]
pub struct Meter(pub(crate) Arc<MeterRegistry>);

impl Meter {
    /// Returns the current reading. Before the pipeline runs it is empty.
    pub fn read(&self) -> MeterReading {
        self.0.read()
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Meter").field(&self.read()).finish()
    }
}
