//! What a meter shows.

use std::{fmt, sync::Arc, time::Duration};

use super::number::ShortNumber;

/// What a [`Meter`](super::Meter) shows at one moment.
///
/// The counts are exact when the pipeline has ended; while it runs they are those of the last batches. Times are estimates: those of
/// sections are taken of every batch, those of single stages only of some batches, so that reading the clock costs no more than a hundredth of the work.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MeterReading {
    /// Items taken from the source.
    pub taken: u64,
    /// Items that the sink was given.
    pub emitted: u64,
    /// Items that failed and were recorded.
    pub failed: u64,
    /// Items that were dropped, because of a stop or an early end.
    pub dropped: u64,
    /// Since it began, or until it ended.
    pub elapsed: Duration,
    /// From front to back: one, or more with [splits](crate::Pipeline::split) and [futures](crate::Pipeline::map_async).
    pub sections: Vec<SectionReading>,
}

/// A section of a pipeline: stages with workers of their own.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SectionReading {
    /// How many workers it has. One drives all the futures of an asynchronous stage.
    pub workers: usize,
    /// Items that it took from its source.
    pub taken: u64,
    /// The share of the time in which one of the workers had the source: asked it for items, or waited for some. Between 0 and 1, as all shares.
    pub source: f64,
    /// The share of the time in which one of the workers had the sink, or waited for room in the joint behind it.
    pub sink: f64,
    /// The share of all workers' time in which they worked.
    pub working: f64,
    /// The share of all workers' time in which they waited for their turn at the source.
    pub turn: f64,
    /// The share of all workers' time in which they waited for room in the window.
    pub room: f64,
    /// How many batches, or futures, there are between its source and its sink.
    pub in_flight: usize,
    /// How many there may be.
    pub window: usize,
    /// How many batches lie in the joint to the section behind it, and how many can.
    pub joint: Option<(usize, usize)>,
    /// Its stages in their order. The last one is the sink's part of the work, or handing items to the section behind.
    pub stages: Vec<StageReading>,
    pub(super) emitted: u64,
    pub(super) failed: u64,
    pub(super) dropped: u64,
}

/// A stage of a section.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StageReading {
    /// As in [`ItemFailure::stage`](crate::pipeline::ItemFailure::stage).
    pub name: Arc<str>,
    /// Its share of the work of its section. The shares of all stages are less than 1 by what taking items out of batches takes.
    pub share: f64,
    /// How long it takes for an item of the section's source; for a future, how long one is under way. Of a stage that takes less than about 10 ns
    /// no more can be said than that.
    pub per_item: Duration,
    /// The share of what its section could do that it takes: of the time of the workers, or of the places for futures.
    pub load: f64,
}

/// What a pipeline cannot be faster than.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Bottleneck {
    /// The source: it is asked for items, or waited for, most of the time.
    Source,
    /// This stage: more workers, or futures, would help, or a faster stage.
    Stage(Arc<str>),
    /// The sink: it has items to take most of the time.
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

    /// Items taken per second since an `earlier` reading of the same meter; zero if no time has passed.
    pub fn rate_since(&self, earlier: &Self) -> f64 {
        rate(self.taken.saturating_sub(earlier.taken), self.elapsed.saturating_sub(earlier.elapsed))
    }

    /// Items taken per second since the beginning.
    pub fn rate(&self) -> f64 {
        rate(self.taken, self.elapsed)
    }

    /// What has the highest load: the source, a stage, or the sink. `None` as long as nothing has been measured.
    ///
    /// The source and the sink serve one worker at a time, a stage as many as there are. What is between is idle for its sake, or waits.
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

/// In a line, such as `1.2 M items, 310 k/s, 71 % in parse, window 3/8`: items taken, how many a second since the beginning, the [bottleneck](MeterReading::bottleneck) with its load,
/// and how full its window is.
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
