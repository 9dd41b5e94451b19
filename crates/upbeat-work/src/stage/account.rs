//! Who is at what, so that a failure can say so.

use std::{any::Any, fmt, sync::Arc};

use upbeat::BoxError;

use crate::failure::{Failure, ItemContext};

/// Where a worker is in its batch: at which item, in which stage. It lives outside of the loop that may panic.
pub struct Account {
    stages: Arc<[Arc<str>]>,
    /// The number of the first item, or what it would be if the item at hand were not numbered otherwise.
    first: u64,
    begun: u64,
    stage: usize,
    context: Option<Arc<dyn ItemContext>>,
    /// Which item of the batch the context is of.
    context_of: u64,
    passed: u64,
}

impl Account {
    /// For a batch whose first item has this number.
    pub(crate) fn new(stages: Arc<[Arc<str>]>, first: u64) -> Self {
        Self { stages, first, begun: 0, stage: 0, context: None, context_of: 0, passed: 0 }
    }

    /// How many items of the batch were begun.
    pub(crate) fn begun(&self) -> u64 {
        self.begun
    }

    #[inline]
    pub(crate) fn begin(&mut self, begun: u64) {
        self.begun = begun;
    }

    /// A store for each stage of each item. It is all that is paid for knowing where a panic comes from.
    #[inline]
    pub(crate) fn enter(&mut self, stage: usize) {
        self.stage = stage;
    }

    pub(crate) fn stage(&self) -> usize {
        self.stage
    }

    /// Keeps what the item says of itself; in the memory of the item before, if nobody has taken it.
    pub(crate) fn say<C: fmt::Display + Send + Sync + 'static>(&mut self, context: C) {
        self.context_of = self.begun;
        let kept = self.context.as_mut().and_then(Arc::get_mut).map(|kept| kept as &mut dyn Any);
        match kept.and_then(|kept| kept.downcast_mut::<C>()) {
            Some(kept) => *kept = context,
            None => self.context = Some(Arc::new(context)),
        }
    }

    /// The item at hand has a number of its own, and has maybe said something of itself before.
    #[inline]
    pub(crate) fn resume(&mut self, number: u64, context: Option<Arc<dyn ItemContext>>) {
        self.first = number.wrapping_sub(self.begun.wrapping_sub(1));
        if context.is_some() {
            self.context = context;
            self.context_of = self.begun;
        }
    }

    /// The number of the item at hand.
    #[inline]
    pub(crate) fn item(&self) -> u64 {
        self.first.wrapping_add(self.begun.saturating_sub(1))
    }

    /// What the item at hand has said of itself.
    #[inline]
    pub(crate) fn context(&self) -> Option<Arc<dyn ItemContext>> {
        if self.context_of == self.begun { self.context.clone() } else { None }
    }

    /// The failure of the item at hand.
    #[cold]
    pub(crate) fn failure(&mut self, error: BoxError) -> Failure {
        let (item, context) = (self.item(), self.context());
        let stage = self.stages.get(self.stage).cloned().unwrap_or_else(|| "source".into());
        Failure::new(stage, item, context, error)
    }

    pub(crate) fn pass(&mut self) {
        self.passed += 1;
    }

    pub(crate) fn passed(&self) -> u64 {
        self.passed
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("begun", &self.begun).field("stage", &self.stage).finish_non_exhaustive()
    }
}
