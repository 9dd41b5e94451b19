//! What shows it.

use std::{fmt, sync::Arc};

use super::{reading::MeterReading, registry::MeterRegistry};

/// Shows what a pipeline does, from any thread, while it runs and afterwards. A cheap clone. Made by [`Runnable::meter`](crate::pipeline::Runnable::meter).
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
    /// What it shows now. Before the pipeline runs there is nothing to see.
    pub fn read(&self) -> MeterReading {
        self.0.read()
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Meter").field(&self.read()).finish()
    }
}
