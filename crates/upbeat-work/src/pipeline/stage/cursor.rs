//! The position of a worker in its batch, for failures.

use std::{any::Any, fmt, sync::Arc};

use upbeat::BoxError;

use crate::pipeline::outcome::{ItemContext, ItemFailure};

/// The position of a worker in its batch: the current item and stage.
///
/// It lives outside the loop that may panic.
pub struct Cursor {
    stages: Arc<[Arc<str>]>,
    /// The number of the first item. Behind a buffer it is the number that the first item would
    /// have if the current item followed it directly.
    first: u64,
    begun: u64,
    stage: usize,
    context: Option<KeptContext>,
    /// The item of the batch that the context belongs to.
    context_of: u64,
    failures_as_items: u64,
}

/// The context of an item. Its memory is used again for the next item, unless it is shared.
enum KeptContext {
    Own(Box<dyn ItemContext>),
    Shared(Arc<dyn ItemContext>),
}

impl Cursor {
    /// Returns the position at the start of a batch whose first item has the number `first`.
    pub(crate) fn new(stages: Arc<[Arc<str>]>, first: u64) -> Self {
        Self { stages, first, begun: 0, stage: 0, context: None, context_of: 0, failures_as_items: 0 }
    }

    /// Returns how many items of the batch were begun.
    pub(crate) fn begun(&self) -> u64 {
        self.begun
    }

    #[inline]
    pub(crate) fn begin(&mut self, begun: u64) {
        self.begun = begun;
    }

    /// Notes the stage that runs from now on.
    ///
    /// This store for each stage of each item is the only cost of locating a panic.
    #[inline]
    pub(crate) fn enter(&mut self, stage: usize) {
        self.stage = stage;
    }

    pub(crate) fn stage(&self) -> usize {
        self.stage
    }

    /// Keeps the context of the current item, in the memory of the last one if that is not shared.
    pub(crate) fn set_context<C: fmt::Display + Send + Sync + 'static>(&mut self, context: C) {
        self.context_of = self.begun;
        let kept = match &mut self.context {
            Some(KeptContext::Own(kept)) => (&mut **kept as &mut dyn Any).downcast_mut::<C>(),
            Some(KeptContext::Shared(_)) | None => None,
        };
        match kept {
            Some(kept) => *kept = context,
            None => self.context = Some(KeptContext::Own(Box::new(context))),
        }
    }

    /// Sets the number of the current item, and its context from an earlier section.
    #[inline]
    pub(crate) fn resume(&mut self, number: u64, context: Option<Arc<dyn ItemContext>>) {
        self.first = number.wrapping_sub(self.begun.wrapping_sub(1));
        if let Some(context) = context {
            self.context = Some(KeptContext::Shared(context));
            self.context_of = self.begun;
        }
    }

    /// Returns the number of the current item.
    #[inline]
    pub(crate) fn item(&self) -> u64 {
        self.first.wrapping_add(self.begun.saturating_sub(1))
    }

    /// Returns the context of the current item. It is shared, as one item may become several.
    #[inline]
    pub(crate) fn context(&mut self) -> Option<Arc<dyn ItemContext>> {
        if self.context_of != self.begun {
            return None;
        }
        let shared = match self.context.take()? {
            KeptContext::Own(context) => Arc::from(context),
            KeptContext::Shared(context) => context,
        };
        self.context = Some(KeptContext::Shared(shared.clone()));
        Some(shared)
    }

    /// Returns the failure of the current item in the current stage.
    #[cold]
    pub(crate) fn failure(&mut self, error: BoxError) -> ItemFailure {
        let (item, context) = (self.item(), self.context());
        let stage = self.stages.get(self.stage).cloned().unwrap_or_else(|| "source".into());
        ItemFailure::new(stage, item, context, error)
    }

    pub(crate) fn count_failure_as_item(&mut self) {
        self.failures_as_items += 1;
    }

    pub(crate) fn failures_as_items(&self) -> u64 {
        self.failures_as_items
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cursor").field("begun", &self.begun).field("stage", &self.stage).finish_non_exhaustive()
    }
}
