//! Readings of a meter.

use std::{fmt, sync::Arc, time::Duration};

use super::number::ShortNumber;

/// A reading of a [`Meter`](super::Meter) at one moment.
///
/// After the run the counts are exact. During the run they are those of the last batches. Times are
/// estimates: those of sections cover every batch, those of single stages only some batches.
/// Reading the clock thereby costs at most about a hundredth of the work.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MeterReading {
    /// The items taken from the source.
    pub taken: u64,
    /// The items that the sink received.
    pub emitted: u64,
    /// The items that failed and were recorded.
    pub failed: u64,
    /// The items that were dropped, because of a stop or an early end.
    pub dropped: u64,
    /// The time since the start of the run, or the duration of a run that has ended.
    pub elapsed: Duration,
    /// The sections from front to back.
    ///
    /// There is one, or more with [splits](crate::Pipeline::split) and
    /// [futures](crate::Pipeline::map_async).
    pub sections: Vec<SectionReading>,
}

/// A section of a pipeline: stages with their own workers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SectionReading {
    /// The number of workers. One drives all the futures of an asynchronous stage.
    pub workers: usize,
    /// The items that the section took from its source.
    pub taken: u64,
    /// The share of the time in which one of the workers had the source, also while it waited for
    /// items. It is between 0 and 1, as all shares.
    pub source: f64,
    /// The share of the time in which one of the workers had the sink, or waited for space in the
    /// buffer behind it.
    pub sink: f64,
    /// The share of all workers' time in which they ran stages.
    pub working: f64,
    /// The share of all workers' time in which they waited for other workers to leave the source.
    pub awaiting_source: f64,
    /// The share of all workers' time in which they waited for the window.
    pub awaiting_window: f64,
    /// The number of batches, or futures, between source and sink.
    pub in_flight: usize,
    /// The bound on the batches, or futures, in flight.
    pub window: usize,
    /// The number of batches in the buffer to the next section, and its capacity.
    pub buffer: Option<(usize, usize)>,
    /// The stages in their order. The last one is the workers' part of the sink, or the hand-over
    /// of items to the next section.
    pub stages: Vec<StageReading>,
    pub(super) emitted: u64,
    pub(super) failed: u64,
    pub(super) dropped: u64,
}

/// A stage of a section.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StageReading {
    /// The name, as in [`ItemFailure::stage`](crate::pipeline::ItemFailure::stage).
    pub name: Arc<str>,
    /// The share of the section's work that the stage takes.
    ///
    /// The shares of all stages add up to less than 1: taking items out of batches is the rest.
    pub share: f64,
    /// The time for an item of the section's source. For a future, the time that one is in flight.
    ///
    /// It is an upper bound for a stage that takes less than about 10 ns.
    pub per_item: Duration,
    /// The share of the section's capacity that the stage takes: of the time of its workers, or of
    /// the futures that are allowed.
    pub load: f64,
}

/// The part of a pipeline that limits its speed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Bottleneck {
    /// The source: a worker fills a batch, or waits for items, most of the time.
    Source,
    /// This stage. More workers, more futures, or a faster stage would help.
    Stage(Arc<str>),
    /// The sink: it takes items most of the time.
    Sink,
}

impl MeterReading {
    pub(super) fn new(elapsed: Duration, sections: Vec<SectionReading>) -> Self {
        let last = sections.last();
        Self {
            taken: sections.first().map_or(0, |section| section.taken),
            emitted: last.map_or(0, |section| section.emitted),
            failed: last.map_or(0, |section| section.failed),
            dropped: sections.iter().map(|section| section.dropped).sum(),
            elapsed,
            sections,
        }
    }

    /// Returns the items taken per second since an `earlier` reading of the same meter.
    ///
    /// It is zero if no time has passed.
    pub fn rate_since(&self, earlier: &Self) -> f64 {
        rate(self.taken.saturating_sub(earlier.taken), self.elapsed.saturating_sub(earlier.elapsed))
    }

    /// Returns the items taken per second since the start of the run.
    pub fn rate(&self) -> f64 {
        rate(self.taken, self.elapsed)
    }

    /// Returns the part with the highest load: the source, a stage, or the sink.
    ///
    /// The source and the sink serve one worker at a time, a stage serves all workers. The parts
    /// around the bottleneck are idle, or wait for it. The result is `None` as long as nothing has
    /// been measured.
    pub fn bottleneck(&self) -> Option<Bottleneck> {
        self.highest().map(|(bottleneck, ..)| bottleneck)
    }

    fn highest(&self) -> Option<(Bottleneck, f64, &SectionReading)> {
        let (first, last) = (self.sections.first()?, self.sections.last()?);
        let ends = [(Bottleneck::Source, first.source, first), (Bottleneck::Sink, last.sink, last)];
        let stages = self.sections.iter().flat_map(|section| {
            let load = move |stage: &StageReading| (Bottleneck::Stage(stage.name.clone()), stage.load, section);
            section.stages.iter().map(load)
        });
        let all = ends.into_iter().chain(stages).filter(|(_, load, _)| *load > 0.0);
        all.max_by(|(_, one, _), (_, other, _)| one.total_cmp(other))
    }

    pub(crate) fn with_rate(&self, rate: f64) -> impl fmt::Display {
        fmt::from_fn(move |f| {
            write!(f, "{} items, {}/s", ShortNumber(self.taken as f64), ShortNumber(rate))?;
            if let Some((bottleneck, load, section)) = self.highest() {
                write!(f, ", {:.0} % in {bottleneck}, window {}/{}", load * 100.0, section.in_flight, section.window)?;
            }
            Ok(())
        })
    }
}

fn rate(items: u64, time: Duration) -> f64 {
    let seconds = time.as_secs_f64();
    if seconds > 0.0 { items as f64 / seconds } else { 0.0 }
}

/// One line, such as `1.2 M items, 310 k/s, 71 % in parse, window 3/8`.
///
/// It shows the items taken, the items per second since the start, the
/// [bottleneck](MeterReading::bottleneck) with its load, and the fill level of its window.
impl fmt::Display for MeterReading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_rate(self.rate()).fmt(f)
    }
}

impl fmt::Display for Bottleneck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source => f.write_str("the source"),
            Self::Stage(name) => f.write_str(name),
            Self::Sink => f.write_str("the sink"),
        }
    }
}
