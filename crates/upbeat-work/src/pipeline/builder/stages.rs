//! The stages.

use std::{fmt, panic::Location, sync::Arc};

use upbeat::BoxError;

use super::Pipeline;
use crate::pipeline::{
    source::Source,
    stage::{FailuresAsItems, Filter, FlatMap, Inspect, Label, Map, StageChain, Staged, TryMap, default_name},
};

/// Stages. Workers share their closures, which are therefore `Fn`. The closures may borrow if the
/// pipeline runs with [`run`](crate::pipeline::Runnable::run).
impl<S: Source, L> Pipeline<S, L>
where
    L: for<'b> StageChain<'b, S::Batch>,
{
    fn stage<K>(mut self, kind: &str, at: &Location<'_>, stage: K) -> Pipeline<S, Staged<L, K>> {
        let number = self.push_name(kind, at);
        self.map_chain(|chain| Staged { chain, stage, at: number })
    }

    /// Adds the name of a stage, and returns the number of the stage.
    fn push_name(&mut self, kind: &str, at: &Location<'_>) -> usize {
        self.names.push(default_name(kind, at));
        self.names.len() - 1
    }

    fn map_chain<M>(self, map: impl FnOnce(L) -> M) -> Pipeline<S, M> {
        let Self { source, chain, names, control } = self;
        Pipeline { source, chain: map(chain), names, control }
    }

    /// Makes another item of each item.
    #[track_caller]
    pub fn map<U, F>(self, f: F) -> Pipeline<S, Staged<L, Map<F>>>
    where
        F: for<'b> Fn(<L as StageChain<'b, S::Batch>>::Out) -> U + Send + Sync,
    {
        self.stage("map", Location::caller(), Map(f))
    }

    /// Makes another item of each item, or fails.
    ///
    /// An item that fails goes no further, and becomes an
    /// [`ItemFailure`](crate::pipeline::ItemFailure).
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

    /// Keeps the items for which `keep` returns `true`.
    #[track_caller]
    pub fn filter<F>(self, keep: F) -> Pipeline<S, Staged<L, Filter<F>>>
    where
        F: for<'b> Fn(&<L as StageChain<'b, S::Batch>>::Out) -> bool + Send + Sync,
    {
        self.stage("filter", Location::caller(), Filter(keep))
    }

    /// Makes any number of items of each item, at its position. An `Option` is none or one.
    ///
    /// If one of them fails in a later stage, the others still come out. If the iterator panics,
    /// the items before the panic have gone on.
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

    /// Calls `look` with each item. Workers call it in any order, also in an ordered pipeline.
    #[track_caller]
    pub fn inspect<F>(self, look: F) -> Pipeline<S, Staged<L, Inspect<F>>>
    where
        F: for<'b> Fn(&<L as StageChain<'b, S::Batch>>::Out) + Send + Sync,
    {
        self.stage("inspect", Location::caller(), Inspect(look))
    }

    /// Keeps a description of each item, such as its key or its file.
    ///
    /// It is the [context](crate::pipeline::ItemFailure::context) of failures of the item behind
    /// this stage. It is made for each item and formatted only for failures. No memory is allocated
    /// for it, except for failures.
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

    /// Makes items of the failures of all stages so far.
    ///
    /// The next stage gets a `Result`, with each failure at the position of its item. Such failures
    /// are not recorded, and do not stop the pipeline. Failures of later stages are recorded as
    /// usual, also those of an item that was a failure.
    ///
    /// ```
    /// # use upbeat_work::Pipeline;
    /// let read = Pipeline::from_iter(["1", "two"]).try_map(|text| text.parse::<u8>()).failures_as_items().map(|n| n.map_or(0, |n| n + 1));
    /// assert_eq!(read.collect().run()?.output, [2, 0]);
    /// # Ok::<_, upbeat_work::PipelineError<Vec<u8>>>(())
    /// ```
    #[track_caller]
    pub fn failures_as_items(mut self) -> Pipeline<S, FailuresAsItems<L>> {
        let number = self.push_name("failures_as_items", Location::caller());
        self.map_chain(|chain| FailuresAsItems { chain, at: number })
    }

    /// Names the last stage, for failures and meters.
    ///
    /// A stage without a name has its kind and its place, such as `map at src/main.rs:12`.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        if let Some(last) = self.names.last_mut() {
            *last = name.into();
        } else {
            self.source.name(name.into());
        }
        self
    }
}
