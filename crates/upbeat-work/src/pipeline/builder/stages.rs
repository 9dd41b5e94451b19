//! The stages.

use std::{fmt, panic::Location, sync::Arc};

use upbeat::BoxError;

use super::Pipeline;
use crate::pipeline::{
    source::Source,
    stage::{FailuresAsItems, Filter, FlatMap, Inspect, Label, Map, StageChain, Staged, TryMap, default_name},
};

/// Stages. Their closures are shared by the workers, so they are `Fn`; what they capture may be borrowed for [`run`](crate::pipeline::Runnable::run).
impl<S: Source, L> Pipeline<S, L>
where
    L: for<'b> StageChain<'b, S::Batch>,
{
    fn stage<K>(mut self, kind: &str, at: &Location<'_>, stage: K) -> Pipeline<S, Staged<L, K>> {
        self.stages.push(default_name(kind, at));
        let at = self.stages.len() - 1;
        let line = Staged { line: self.line, stage, at };
        Pipeline { source: self.source, line, stages: self.stages, run: self.run }
    }

    /// Makes something else of each item.
    #[track_caller]
    pub fn map<U, F>(self, f: F) -> Pipeline<S, Staged<L, Map<F>>>
    where
        F: for<'b> Fn(<L as StageChain<'b, S::Batch>>::Out) -> U + Send + Sync,
    {
        self.stage("map", Location::caller(), Map(f))
    }

    /// Makes something else of each item, or fails: then the item goes no further, and a [`ItemFailure`](crate::pipeline::ItemFailure) says so.
    ///
    /// ```
    /// # use upbeat_work::Pipeline;
    /// let report = Pipeline::from_iter(["1", "two", "3"]).try_map(|text| text.parse::<u8>()).name("parse").collect().run()?;
    /// assert_eq!(report.output, [1, 3]);
    /// assert_eq!(report.failures[0].to_string(), "item 1 failed in parse");
    /// # Ok::<_, upbeat_work::PipelineError<Vec<u8>>>(())
    /// ```
    #[track_caller]
    pub fn try_map<U, E, F>(self, f: F) -> Pipeline<S, Staged<L, TryMap<F>>>
    where
        E: Into<BoxError>,
        F: for<'b> Fn(<L as StageChain<'b, S::Batch>>::Out) -> Result<U, E> + Send + Sync,
    {
        self.stage("try_map", Location::caller(), TryMap(f))
    }

    /// Keeps the items that it says `true` of.
    #[track_caller]
    pub fn filter<F>(self, keep: F) -> Pipeline<S, Staged<L, Filter<F>>>
    where
        F: for<'b> Fn(&<L as StageChain<'b, S::Batch>>::Out) -> bool + Send + Sync,
    {
        self.stage("filter", Location::caller(), Filter(keep))
    }

    /// Makes any number of items of each, in its place; an `Option` is none or one.
    ///
    /// When one of them fails further on the others still come; when making them panics, those that were made have gone on.
    ///
    /// ```
    /// # use upbeat_work::Pipeline;
    /// let words = Pipeline::from_iter(["to be", "or not"]).flat_map(|text| text.split(' ')).collect().run()?.output;
    /// assert_eq!(words, ["to", "be", "or", "not"]);
    /// # Ok::<_, upbeat_work::PipelineError<Vec<&str>>>(())
    /// ```
    #[track_caller]
    pub fn flat_map<I, F>(self, f: F) -> Pipeline<S, Staged<L, FlatMap<F>>>
    where
        I: IntoIterator,
        F: for<'b> Fn(<L as StageChain<'b, S::Batch>>::Out) -> I + Send + Sync,
    {
        self.stage("flat_map", Location::caller(), FlatMap(f))
    }

    /// Looks at each item. In an ordered pipeline the workers still look at them in any order.
    #[track_caller]
    pub fn inspect<F>(self, look: F) -> Pipeline<S, Staged<L, Inspect<F>>>
    where
        F: for<'b> Fn(&<L as StageChain<'b, S::Batch>>::Out) + Send + Sync,
    {
        self.stage("inspect", Location::caller(), Inspect(look))
    }

    /// Keeps what an item says of itself, such as its key or the file it is from, so that a [`ItemFailure`](crate::pipeline::ItemFailure) of it behind this stage
    /// can [say it](crate::pipeline::ItemFailure::context).
    ///
    /// It is made for each item and shown only for those that fail. No memory is allocated for it, but for failures.
    ///
    /// ```
    /// # use upbeat_work::Pipeline;
    /// let orders = [(17, "3"), (18, "x")];
    /// let report = Pipeline::from_iter(orders).context(|(id, _)| *id).try_map(|(_, n)| n.parse::<u8>()).name("parse").collect().run()?;
    /// assert_eq!(report.failures[0].to_string(), "item 1 failed in parse (18)");
    /// # Ok::<_, upbeat_work::PipelineError<Vec<u8>>>(())
    /// ```
    #[track_caller]
    pub fn context<C, F>(self, of: F) -> Pipeline<S, Staged<L, Label<F>>>
    where
        C: fmt::Display + Send + Sync + 'static,
        F: for<'b> Fn(&<L as StageChain<'b, S::Batch>>::Out) -> C + Send + Sync,
    {
        self.stage("context", Location::caller(), Label(of))
    }

    /// Makes items of the failures of all stages so far: what comes behind gets a `Result`, each failure in its item's place.
    ///
    /// They are no longer recorded, and do not stop the pipeline. Failures of the stages behind are; so they are if a stage behind panics on
    /// a failure.
    ///
    /// ```
    /// # use upbeat_work::Pipeline;
    /// let read = Pipeline::from_iter(["1", "two"]).try_map(|text| text.parse::<u8>()).failures_as_items().map(|n| n.map_or(0, |n| n + 1));
    /// assert_eq!(read.collect().run()?.output, [2, 0]);
    /// # Ok::<_, upbeat_work::PipelineError<Vec<u8>>>(())
    /// ```
    #[track_caller]
    pub fn failures_as_items(mut self) -> Pipeline<S, FailuresAsItems<L>> {
        self.stages.push(default_name("failures_as_items", Location::caller()));
        let at = self.stages.len() - 1;
        let line = FailuresAsItems { line: self.line, at };
        Pipeline { source: self.source, line, stages: self.stages, run: self.run }
    }

    /// Names the stage before it, for failures. Without a name it is what it is and where it was added, such as `map at src/main.rs:12`.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        if let Some(last) = self.stages.last_mut() {
            *last = name.into();
        } else {
            self.source.name(name.into());
        }
        self
    }
}
